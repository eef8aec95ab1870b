BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(5);

CREATE FUNCTION pg_temp.text_of(p_payload jsonb)
RETURNS text LANGUAGE sql
RETURN khala_internal.payload_text(p_payload::text, p_payload, octet_length(khala.canonical_json(p_payload)));

SELECT is(pg_temp.text_of('{"b":1,"a":"x"}'), '{"a": "x", "b": 1}', 'what the server prints, where it is not much longer');
SELECT is(pg_temp.text_of('{"a":1e300,"b":1e300}'), '{"a":1e+300,"b":1e+300}', 'canonical text, where it is');
SELECT is(pg_temp.text_of('[0.00000000000000000000000000000000000001]'), '[1e-38]', 'small numbers too');
SELECT cmp_ok(
    octet_length(pg_temp.text_of((SELECT jsonb_agg(1) FROM generate_series(1, 1000)))),
    '<=', 3002, 'the densest text there is grows by half at most'
);
SELECT is(khala_internal.payload_text(NULL, NULL, 0), NULL, 'no payload, no text');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
