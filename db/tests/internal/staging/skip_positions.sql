BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(5);

DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.skip', p_writes => 'grouped', p_ownership => 'mixed');
    UPDATE runtime.sync_topic_staging SET settled = 5, next_settled = 7 WHERE topic = 'pgtap.skip';
    PERFORM khala_internal.skip_positions('pgtap.skip');
END
$$;
SELECT is(nextval('runtime.sync_staged_pgtap_skip'), 8::bigint, 'a sequence that was never used goes on after what is settled');
DO $$ BEGIN PERFORM khala_internal.skip_positions('pgtap.skip'); END $$;
SELECT is(nextval('runtime.sync_staged_pgtap_skip'), 9::bigint, 'one that is further stays where it is');
INSERT INTO runtime.sync_staged_writes (topic, position, deleted, doc_key) VALUES ('pgtap.skip', 20, TRUE, 'k');
DO $$ BEGIN PERFORM khala_internal.skip_positions('pgtap.skip'); END $$;
SELECT is(nextval('runtime.sync_staged_pgtap_skip'), 21::bigint, 'one that is behind a staged write is moved on');
DO $$ BEGIN PERFORM setval('runtime.sync_staged_pgtap_skip', 1, FALSE), khala.new_epoch(); END $$;
SELECT is(nextval('runtime.sync_staged_pgtap_skip'), 21::bigint, 'as at the beginning of an epoch');
SELECT lives_ok($$SELECT khala_internal.skip_positions('runtime.run_summaries')$$, 'a direct topic has no sequence');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
