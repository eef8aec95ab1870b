BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(45);

CREATE FUNCTION pg_temp.failure(p_text text)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_detail text;
    v_hint text;
BEGIN
    PERFORM khala.parse_payload(p_text);
    RETURN NULL;
EXCEPTION
    WHEN SQLSTATE 'KH005' THEN
        GET STACKED DIAGNOSTICS v_detail = PG_EXCEPTION_DETAIL, v_hint = PG_EXCEPTION_HINT;
        RETURN jsonb_build_object('message', SQLERRM, 'detail', v_detail, 'hint', v_hint);
END
$$;

SELECT is(khala.parse_payload(v.given), v.given::jsonb, 'taken: ' || v.given)
FROM (
    VALUES
    ('{}'), ('  {"a" : 1}  '), ('{"a":{"a":{"a":1}}}'), ('{"a":[{"a":1},{"a":2}]}'), ('{"a":null,"b":true}'),
    ('{"\ud83d\ude00":"\ud83d\ude00"}'), ('{"a":1,"A":2,"":3}'), ('{"a":9007199254740992}')
) AS v (given);

SELECT throws_ok(format('SELECT khala.parse_payload(%L)', v.given), 'KH005', NULL, v.what)
FROM (
    VALUES
    ('', 'nothing'), (' ', 'white space'), ('null', 'null'), ('5', 'a number'), ('"x"', 'a string'),
    ('[]', 'an array'), ('true', 'a boolean'), ('{', 'half an object'), ('{}{}', 'two objects'),
    ('{"a":1,}', 'a comma too many'), ('{a:1}', 'a bare key'), ('{''a'':1}', 'single quotes'),
    ('{"a":NaN}', 'NaN'), ('{"a":Infinity}', 'Infinity'), ('{"a":-}', 'a sign alone'), ('{"a":01}', 'a leading zero'),
    ('{"a":.5}', 'a leading dot'), ('{"a":1e400}', '1e400'), ('{"a":1e200000}', 'what not even type numeric holds'),
    ('{"a":9007199254740993}', '2^53 + 1'), ('{"a":"\ud800"}', 'a lone high surrogate'),
    ('{"a":"\udc00"}', 'a lone low surrogate'), ('{"a":"\ude00\ud83d"}', 'a pair the wrong way round'),
    ('{"\ud800":1}', 'a lone surrogate in a key'), ('{"a":"\u0000"}', 'U+0000, which type text cannot hold'),
    ('{"a":"\x"}', 'an unknown escape'), (E'{"a":"\n"}', 'a bare line feed in a string'),
    ('{"a":1,"a":1}', 'a key twice'), ('{"a":{"b":1,"b":2}}', 'a key twice, deeper'),
    ('{"a":[1,[{"b":1,"c":{"d":1,"d":2}}]]}', 'a key twice, in arrays'),
    ('{"a":1,"\u0061":2}', 'a key twice, written differently'), (E'\uFEFF{}', 'a byte order mark')
) AS v (given, what);

SELECT throws_ok(
    $$SELECT khala.parse_payload('{"a":' || repeat('[', 64) || repeat(']', 64) || '}')$$, 'KH005', NULL,
    'more than 64 levels'
);
SELECT throws_ok(
    $$SELECT khala.parse_payload(repeat('[', 1000000))$$, 'KH005', NULL, 'more levels than the server can follow'
);
SELECT alike(pg_temp.failure('{"a":{"b c":1,"b c":2}}') ->> 'message', '%"b c"%', 'a duplicate key is named');
SELECT isnt(pg_temp.failure('{"a":') ->> 'detail', '', 'what is not JSON says where');
SELECT isnt(pg_temp.failure('[]') ->> 'hint', '', 'and every refusal what to do');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
