BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(46);

SELECT is(khala_internal.is_plain_json(v.given::jsonb::text), v.plain, coalesce(left(v.given, 60), 'null') || coalesce(': ' || v.plain, ''))
FROM (
    VALUES
    ('{}', TRUE), ('{"a":1,"b":"x","c":null,"d":true,"e":[1,2],"f":{"g":-3}}', TRUE), ('{"a":0.00001,"b":10.00000001,"c":-0.5}', TRUE),
    ('{"a":100,"b":100000000000000,"c":-999999999999999}', TRUE), ('{"a":1234567890.1234}', TRUE),
    ('{"ä":"ö","\uffff":"\ue000"}', TRUE), ('{"a":"1.0","b":"12345678901234567890"}', TRUE), (NULL, NULL),
    -- Whatever Postgres escapes, in keys.
    ('{"a":"\""}', TRUE), ('{"a":"\\","b":1}', TRUE), ('{"a":"\n","b":"\": "}', TRUE), ('{"a":"\u0001"}', TRUE),
    ('{"\t":1}', FALSE), ('{"b":1,"a\"":1}', FALSE), ('{"\\":1}', FALSE), ('{"a":{"b\\c":1}}', FALSE),
    -- Beyond the first plane, in keys.
    ('{"a":"😀","b":1}', TRUE), ('{"😀":1}', FALSE), ('{"a":{"b😀c":1}}', FALSE), ('{"\ud800\udc00":1}', FALSE), ('{"\udbff\udfff":1}', FALSE),
    -- No object.
    ('[]', FALSE), ('"{}"', FALSE), ('1', FALSE),
    -- Numbers.
    ('{"a":1.0}', FALSE), ('{"a":[1.50]}', FALSE), ('{"a":[[-1.50]]}', FALSE), ('{"a":[1,1.50]}', FALSE), ('{"a":{"b":0.10}}', FALSE),
    ('{"a":0.000001}', FALSE), ('{"a":-1e-7}', FALSE), ('{"a":1e15}', FALSE), ('{"a":-1000000000000000}', FALSE),
    ('{"a":0.12345678901234567}', FALSE), ('{"a":[123456789.1234567]}', FALSE), ('{"a":-0.0}', FALSE), ('{"a":1e400}', FALSE),
    -- In strings they cost time only.
    ('{"a":"of 1.0, or"}', FALSE), ('{"a":" 1234567890123456"}', FALSE),
    -- Many objects and arrays.
    ('{"a":' || repeat('[', 15) || repeat(']', 15) || '}', TRUE), ('{"a":' || repeat('[', 16) || repeat(']', 16) || '}', FALSE),
    ('{"a":[' || repeat('{},', 14) || '1]}', TRUE), ('{"a":[' || repeat('{},', 15) || '1]}', FALSE)
) AS v (given, plain);

-- What it takes is what the general way makes of it: numbers around every limit, on each level.
CREATE TEMP TABLE given AS
SELECT jsonb_build_object('a', n.value, 'b', jsonb_build_array(n.value, jsonb_build_array(n.value)), 'c', jsonb_build_object('d', n.value)) AS body
FROM (
    SELECT s.sign * m.mantissa * power(10::numeric, e.exponent)
    FROM (VALUES (1), (-1)) AS s (sign)
    CROSS JOIN (VALUES (1::numeric), (9), (12), (999), (123456789), (99999999999999), (123456789012345), (100000)) AS m (mantissa)
    CROSS JOIN generate_series(-12, 3) AS e (exponent)
) AS n (value);
UPDATE given SET body = jsonb_set(body, '{e}', to_jsonb(trim_scale((body ->> 'a')::numeric)));
CREATE TEMP TABLE trimmed AS
SELECT jsonb_build_object('a', n.value, 'b', jsonb_build_array(n.value, jsonb_build_array(n.value)), 'c', jsonb_build_object('d', n.value)) AS body
FROM (SELECT trim_scale((g.body ->> 'a')::numeric) AS value FROM given AS g) AS n;
SELECT is_empty(
    $$SELECT g.body FROM (SELECT body FROM pg_temp.given UNION ALL SELECT body FROM pg_temp.trimmed) AS g
      CROSS JOIN LATERAL khala_internal.canonical_text(g.body) AS p
      WHERE p.canonical <> khala_internal.canonical_json(g.body)$$,
    'plain is never another text'
);
SELECT cmp_ok(
    (SELECT count(*) FROM trimmed AS t WHERE khala_internal.is_plain_json(t.body::text)), '>', 100::bigint, 'and most numbers are plain'
);
SELECT cmp_ok(
    (SELECT count(*) FROM given AS g WHERE NOT khala_internal.is_plain_json(g.body::text)), '>', 100::bigint, 'though not all'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
