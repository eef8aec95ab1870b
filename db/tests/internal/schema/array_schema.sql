BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(2);

SELECT is(khala_internal.array_schema('{}', 1)::jsonb, '{"type": "array", "items": {}}', 'one dimension');
SELECT is(khala_internal.array_schema('{}', 2)::jsonb, '{"type": "array", "items": {"type": "array", "items": {}}}', 'two');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
