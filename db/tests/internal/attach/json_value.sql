BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(6);

SELECT is(khala_internal.json_value('{"a": [1, null]}'), '{"a": [1, null]}'::jsonb, 'what jsonb holds');
SELECT is(khala_internal.json_value(NULL), NULL, 'nothing');
SELECT is(khala_internal.json_value('{"a": "\u0000"}'), to_jsonb('{"a": "\u0000"}'::text), 'a zero character');
SELECT is(khala_internal.json_value('"\ud800"'), to_jsonb('"\ud800"'::text), 'a lone surrogate');
SELECT is(khala_internal.json_value('1e999999'), to_jsonb('1e999999'::text), 'a number of a million digits');
SELECT is(khala_internal.json_value('{"a": 1, "a": 2}'), '{"a": 2}'::jsonb, 'of a key that is there twice the last');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
