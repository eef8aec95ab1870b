BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(6);

CREATE TABLE public.pgtap_rows (id integer PRIMARY KEY, note text);
DO $$ BEGIN
    PERFORM khala.register_topic('pgtap.plain');
    PERFORM khala.register_topic('pgtap.shaped');
    PERFORM khala.set_topic_schema('pgtap.shaped', '{"title": "Shape", "required": ["bb", "a"]}', TRUE);
    PERFORM khala.attach('public.pgtap_rows', '{id}', p_topic => 'pgtap.attached', p_ownership => 'public');
END $$;
CREATE FUNCTION pg_temp.schemas(p_topics text[]) RETURNS text LANGUAGE sql AS $$
SELECT string_agg(concat_ws(' ', s.topic, s.source, s.is_checked), ', ') FROM khala.topic_schemas(p_topics) AS s WHERE s.topic LIKE 'pgtap.%'
$$;
SELECT is(pg_temp.schemas(NULL), 'pgtap.attached table f, pgtap.shaped schema t', 'all that have one');
SELECT is(pg_temp.schemas('{pgtap.shaped,pgtap.plain}'), 'pgtap.shaped schema t', 'of those named');
SELECT is(
    (SELECT s.schema::text FROM khala.topic_schemas('{pgtap.shaped}') AS s), '{"title": "Shape", "required": ["bb", "a"]}', 'as it was given'
);
SELECT is(
    (SELECT s.schema::jsonb FROM khala.topic_schemas('{pgtap.attached}') AS s),
    '{"type": "object", "required": ["id", "note"], "additionalProperties": false, "properties": {"id": {"description": "integer", "type": "integer"}, "note": {"description": "text", "anyOf": [{"type": "string"}, {"type": "null"}]}}}',
    'of the columns'
);
SELECT throws_ok('SELECT khala.topic_schemas(''{nothing}'')', 'KH001', NULL, 'an unknown topic');
DO $$ BEGIN PERFORM khala.set_topic_schema('pgtap.attached', '{}'); END $$;
SELECT is(pg_temp.schemas('{pgtap.attached}'), 'pgtap.attached schema f', 'what was set comes first');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
