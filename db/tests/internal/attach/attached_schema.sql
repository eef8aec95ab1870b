BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(4);

CREATE DOMAIN public.pgtap_word AS text NOT NULL;
CREATE TABLE public.pgtap_rows (id integer PRIMARY KEY, gone text, word public.pgtap_word, grid integer[][], f real[], hidden text NOT NULL);
DO $$ BEGIN
    PERFORM khala.attach('public.pgtap_rows', '{id}', p_columns => '{id,gone,word,grid,f}', p_topic => 'pgtap.attached', p_ownership => 'public');
END $$;
CREATE FUNCTION pg_temp.schema() RETURNS jsonb LANGUAGE sql AS $$
SELECT khala_internal.attached_schema(a)::jsonb FROM runtime.attachments AS a WHERE a.topic = 'pgtap.attached'
$$;
SELECT is(
    pg_temp.schema() -> 'properties',
    '{"id": {"description": "integer", "type": "integer"},
      "gone": {"description": "text", "anyOf": [{"type": "string"}, {"type": "null"}]},
      "word": {"description": "public.pgtap_word", "anyOf": [{"type": "string"}, {"type": "null"}]},
      "grid": {"description": "integer[]", "anyOf": [{"type": "array", "items": {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}}, {"type": "null"}]},
      "f": {"description": "real[]", "anyOf": [{"type": "array", "items": {"anyOf": [{"type": ["number", "string"]}, {"type": "null"}]}}, {"type": "string"}, {"type": "null"}]}}',
    'columns that documents have'
);
ALTER TABLE public.pgtap_rows RENAME COLUMN gone TO kept;
ALTER TABLE public.pgtap_rows ALTER kept SET NOT NULL, DROP COLUMN grid;
SELECT is(pg_temp.schema() -> 'required', '["id", "kept", "word", "f"]', 'as they are now');
SELECT is(pg_temp.schema() #> '{properties,kept}', '{"description": "text", "type": "string"}', 'with what may not be null');
DROP TABLE public.pgtap_rows;
SELECT ok(pg_temp.schema() IS NULL, 'nothing of a dropped table');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
