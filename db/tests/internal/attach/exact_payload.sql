BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(4);

SELECT is(khala_internal.exact_payload('{"a": 1, "b": [1.5]}'), '{"a": 1, "b": [1.5]}'::jsonb, 'what is I-JSON stays');
SELECT is(khala_internal.exact_payload('{"a": 9007199254740993, "b": 1}'), '{"a": "9007199254740993", "b": 1}'::jsonb, 'a number that is no double is a string');
SELECT is(khala_internal.exact_payload('{"a": {"b": 9007199254740993}}'), '{"a": "{\"b\": 9007199254740993}"}'::jsonb, 'so is the member that has one');
SELECT is(
    jsonb_typeof(khala_internal.exact_payload(jsonb_build_object('a', (repeat('[', 64) || repeat(']', 64))::jsonb)) -> 'a'), 'string',
    'and one that is nested too deeply in the document'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
