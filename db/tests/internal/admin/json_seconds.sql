BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(2);

SELECT is(khala_internal.json_seconds('1 day 0.1234 seconds'), 86400.123, 'seconds with milliseconds');
SELECT is(khala_internal.json_seconds(NULL), NULL, 'null for null');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
