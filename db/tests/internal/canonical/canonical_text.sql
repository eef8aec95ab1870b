BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(25);

-- For each value the text that the reference makes, whether it is plain or not.
SELECT is(
    ARRAY[(SELECT c.canonical FROM khala_internal.canonical_text(v.given::jsonb) AS c), khala_internal.is_plain_json(v.given::jsonb::text)::text],
    ARRAY[khala_internal.canonical_json(v.given::jsonb), v.plain::text], left(v.given, 60)
)
FROM (
    VALUES
    ('{}', TRUE), ('{"b":[],"a":{}}', TRUE), ('{"bb":{"dd":1,"c":"x"},"a":[2,"y",null,true]}', TRUE),
    ('{"a":[", ",": ","x , y",""],"b":": null"}', TRUE), ('{"a":{"bb":{"dd":[1.5,null],"c":{"e":[{}]}},"b":[[1, 2],{"z":1,"yy":2}]}}', TRUE),
    ('{"a":[[2,1],{"dd":1,"c":[null]}]}', TRUE), ('{"a":null,"b":{"c":null,"d":[null,[null]]}}', TRUE),
    ('{"":1," ":{"":2," ":3},"Z":4,"a":5,"é":6,"e":7,"z":8}', TRUE), ('{"\ufb33":1,"\u20ac":2,"\ue000":3,"\u007f":"\u2028"}', TRUE),
    ('{"a":0.5,"b":-17,"c":[0.00001,999999999999999]}', TRUE), ('{"b":"a \"quoted\" \\ word\n","a":["\u0001","\t\"","\""],"c":{"e":"\"","d":"\\"}}', TRUE),
    ('{"b":"😀","a":["😀"],"c":{"dd":"😀","e":1}}', TRUE), ('{"b\"":1,"a\\":2}', FALSE), ('{"b":{"\n":1,"\t":2}}', FALSE),
    ('{"\ufb33":1,"\ud83d\ude00":2}', FALSE), ('{"a":{"\ufb33":1,"\ud83d\ude00":2}}', FALSE), ('{"b":1.50,"a":[1e21,-0.0,1e-7]}', FALSE),
    ('[{"bb":1,"a":2}]', FALSE), ('[]', FALSE), ('"{"', FALSE), ('7.0', FALSE), ('null', FALSE), (NULL, NULL)
) AS v (given, plain);

SELECT throws_ok(
    $$SELECT c.canonical FROM khala_internal.canonical_text('{"a":{"b":[{"c":9007199254740993}]}}') AS c$$, 'KH005', NULL,
    'a number between doubles, however deep'
);
SELECT is(
    (
        SELECT count(DISTINCT c.canonical) FROM generate_series(1, 3) AS s (i)
        CROSS JOIN LATERAL khala_internal.canonical_text(jsonb_build_object('i', s.i)) AS c
    ), 3::bigint, 'a row for each'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
