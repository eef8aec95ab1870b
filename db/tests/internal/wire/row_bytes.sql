BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(3);

SELECT is(khala_internal.row_bytes('key', 100), 359, 'key, payload and what stands around them');
SELECT is(khala_internal.row_bytes('key', NULL), 259, 'without a payload');
SELECT is(khala_internal.row_bytes('ключ', 0), 264, 'bytes, not characters');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
