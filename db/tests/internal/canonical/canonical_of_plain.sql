BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(10);

-- For each object that it is for, the text that the general way makes.
SELECT is(
    ARRAY[(SELECT c.canonical FROM khala_internal.canonical_of_plain(v.given::jsonb) AS c), khala_internal.is_plain_json(v.given::jsonb::text)::text],
    ARRAY[(SELECT c.canonical FROM khala_internal.canonical_of(v.given::jsonb) AS c), 'true'], left(v.given, 60)
)
FROM (
    VALUES
    ('{}'), ('{"b":[],"a":{}}'), ('{"bb":{"dd":1,"c":"x"},"a":[2,"y",null,true]}'), ('{"a":[", ",": ","x , y",""],"b":": null"}'),
    ('{"a":{"bb":{"dd":[1.5,null],"c":{"e":[{}]}},"b":[[1, 2],{"z":1,"yy":2}]}}'), ('{"a":[[2,1],{"dd":1,"c":[null]}]}'),
    ('{"a":null,"b":{"c":null,"d":[null,[null]]}}'), ('{"":1," ":{"":2," ":3},"Z":4,"a":5,"é":6,"e":7,"z":8}'),
    ('{"\ufb33":1,"\u20ac":2,"\ue000":3,"\u007f":"\u2028"}'), ('{"a":0.5,"b":-17,"c":[0.00001,999999999999999]}')
) AS v (given);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
