BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(6);

SELECT results_eq(
    $$SELECT h.bare_hash, h.payload_hash FROM khala_internal.parity_hashes('{"b": 1, "projected_at": "x", "a": 3.0}') AS h$$,
    $$VALUES (sha256('{"a":3,"b":1}'), sha256('{"a":3,"b":1,"projected_at":"x"}'))$$,
    'of the canonical payload, without projected_at and with it'
);
SELECT is(h.bare_hash, h.payload_hash, 'both are the same without projected_at') FROM khala_internal.parity_hashes('{}') AS h;
SELECT results_eq(
    format('SELECT h.bare_hash, h.payload_hash FROM khala_internal.parity_hashes(%L) AS h', v.payload),
    'SELECT NULL::bytea, NULL::bytea', 'none of ' || coalesce(v.payload, 'NULL')
)
FROM (VALUES (NULL), ('[1]'), ('null'), ('{"n": 9007199254740993}')) AS v (payload);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
