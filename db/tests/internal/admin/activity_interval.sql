BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(2);

SELECT is(
    khala_internal.activity_interval('2026-03-04 05:06:19.999+00'), '2026-03-04 05:06:10+00'::timestamptz, 'its beginning'
);
SELECT is(khala_internal.activity_interval(NULL), NULL, 'null for null');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
