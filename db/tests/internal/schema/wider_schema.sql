BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(4);

SELECT is(khala_internal.wider_schema('{"type": "integer"}', FALSE, FALSE)::text, '{"type": "integer"}', 'nothing more');
SELECT is(
    khala_internal.wider_schema('{"type": "integer"}', TRUE, TRUE)::jsonb,
    '{"anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}]}', 'both more'
);
SELECT is(khala_internal.wider_schema('{"type": "integer"}', FALSE, TRUE)::jsonb, '{"anyOf": [{"type": "integer"}, {"type": "null"}]}', 'or null');
SELECT is(khala_internal.wider_schema('{}', TRUE, TRUE)::text, '{}', 'everything already');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
