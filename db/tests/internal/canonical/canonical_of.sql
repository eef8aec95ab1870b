BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(12);

-- What canonical text is, is tested through khala.canonical_json; here, the levels that one query writes and
-- those it leaves to others, and how often its text is made.
SELECT is((SELECT c.canonical FROM khala_internal.canonical_of(v.given::jsonb) AS c), v.canonical, v.what)
FROM (
    VALUES
    ('{}', '{}', 'an empty object'),
    ('{"b":[],"a":{}}', '{"a":{},"b":[]}', 'empty ones inside'),
    ('{"bb":{"dd":1,"c":"x"},"a":[2,"y",null,true]}', '{"a":[2,"y",null,true],"bb":{"c":"x","dd":1}}', 'two levels'),
    ('{"a":{"b":{"dd":[1.50],"c":{"e":[{}]}}}}', '{"a":{"b":{"c":{"e":[{}]},"dd":[1.5]}}}', 'and more'),
    ('{"a":[[2,1],{"dd":1,"c":2}]}', '{"a":[[2,1],{"c":2,"dd":1}]}', 'in arrays too'),
    ('{"n":[1.50,1e21,-0.0,1e-7],"m":{"x":0.10,"y":1e2},"l":1.0}', '{"l":1,"m":{"x":0.1,"y":100},"n":[1.5,1e+21,0,1e-7]}', 'numbers on both levels'),
    ('{"a":{"\ufb33":1,"\ud83d\ude00":2},"\ufb33":3,"\ud83d\ude00":4}', E'{"a":{"😀":2,"\uFB33":1},"😀":4,"\uFB33":3}', 'keys in UTF-16 order on both levels'),
    (NULL, NULL, 'null in, null out')
) AS v (given, canonical, what);

SELECT is(
    (SELECT c.canonical FROM khala_internal.canonical_of(('{"a":' || repeat('[', 63) || repeat(']', 63) || '}')::jsonb) AS c),
    '{"a":' || repeat('[', 63) || repeat(']', 63) || '}', '64 levels are taken'
);
SELECT throws_ok(
    $$SELECT c.canonical FROM khala_internal.canonical_of(('{"a":' || repeat('[', 64) || repeat(']', 64) || '}')::jsonb) AS c$$,
    'KH005', NULL, '65 are not'
);
-- So few brackets that it is not made level by level.
SELECT throws_ok(
    $$SELECT c.canonical FROM khala_internal.canonical_of('{"a":{"b":[{"c":9007199254740993}]}}') AS c$$, 'KH005', NULL,
    'a number between doubles, however deep'
);
SELECT is(
    (SELECT count(DISTINCT c.canonical) FROM generate_series(1, 3) AS s (i) CROSS JOIN LATERAL khala_internal.canonical_of(jsonb_build_object('i', s.i)) AS c),
    3::bigint, 'a row for each'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
