BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(2);

SELECT is(
    array_agg(khala_internal.proto_short(n.n) ORDER BY n.n), array_agg(khala_internal.proto_varint(n.n) ORDER BY n.n),
    'all that it takes, as khala_internal.proto_varint writes it'
)
FROM generate_series(0, 16383) AS n (n);
SELECT is(khala_internal.proto_short(NULL), NULL, 'null in, null out');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
