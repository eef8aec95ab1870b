BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(1);

SELECT ok(
    khala_internal.lightning_now_ms() BETWEEN extract(EPOCH FROM now()) * 1000 - 1 AND extract(EPOCH FROM clock_timestamp()) * 1000 + 1,
    'milliseconds since 1970'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
