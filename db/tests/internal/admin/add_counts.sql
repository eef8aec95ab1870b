BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(2);

SELECT is(khala_internal.add_counts('{"a": 1, "b": 2}', '{"b": 3, "c": 4}'), '{"a": 1, "b": 5, "c": 4}', 'by key');
SELECT is(khala_internal.add_counts('{}', NULL), '{}', 'nothing');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
