BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(3);

SELECT is(
    khala_internal.object_schema('{b,a}', ARRAY['{}', '{"type": "null"}']::json[])::jsonb,
    '{"type": "object", "properties": {"b": {}, "a": {"type": "null"}}, "required": ["b", "a"], "additionalProperties": false}', 'members'
);
SELECT matches(khala_internal.object_schema('{bb,a}', ARRAY['{}', '{}']::json[])::text, '"bb".*"a"', 'in their order');
SELECT is(
    khala_internal.object_schema(NULL, NULL)::jsonb,
    '{"type": "object", "properties": {}, "required": [], "additionalProperties": false}', 'none'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
