BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(7);

DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.heads', p_enum_name => 'SYNC_TOPIC_PGTAP_HEADS', p_ownership => 'mixed');
    PERFORM khala.register_topic('pgtap.heads_other', p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.heads', 'k', 1, '{}');
    PERFORM khala.sink('pgtap.heads', 'k', 2, '{}');
END
$$;
CREATE FUNCTION pg_temp.answer(p_topics text[])
RETURNS text LANGUAGE sql AS $$
SELECT string_agg(concat_ws(' ', h.topic, h.head_watermark), ', ' ORDER BY h.topic COLLATE "C")
FROM khala.head_watermarks(p_topics) AS h
$$;

SELECT is(pg_temp.answer(ARRAY['pgtap.heads_other', 'pgtap.heads']), 'pgtap.heads 2, pgtap.heads_other 0', 'the head of each');
SELECT is(pg_temp.answer(ARRAY['pgtap.heads', 'pgtap.none', NULL]), 'pgtap.heads 2', 'what is not there is left out');
SELECT is(pg_temp.answer(ARRAY['SYNC_TOPIC_PGTAP_HEADS']), NULL, 'topics have to be called by their own names');
SELECT is(pg_temp.answer('{}'), NULL, 'no topic, no row');
SELECT is(
    (SELECT count(*) FROM khala.head_watermarks(NULL)),
    (SELECT count(*) FROM runtime.sync_topics),
    'every topic, if none is named'
);

-- It asks nothing of writers.
DO $$ BEGIN PERFORM khala.arm('pgtap.heads', 2); END $$;
SELECT is(pg_temp.answer(ARRAY['pgtap.heads']), 'pgtap.heads 2', 'of a topic that is armed as well');
SELECT is(
    (SELECT s.armed FROM runtime.sync_topic_sequences AS s WHERE s.topic = 'pgtap.heads'), TRUE, 'which it stays'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
