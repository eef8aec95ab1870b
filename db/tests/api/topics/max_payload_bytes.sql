BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(4);

UPDATE runtime.sync_topics SET payload_mode = 'pointer';
SELECT is(khala.max_payload_bytes(), 0, 'nothing travels inside an update in pointer mode');
UPDATE runtime.sync_topics SET payload_mode = 'auto', inline_limit_bytes = 1000;
SELECT is(khala.max_payload_bytes(), 1000, 'the limit of the topics');
DO $$ BEGIN PERFORM khala.register_topic('pgtap.large', p_inline_limit_bytes => 16777216, p_ownership => 'mixed'); END $$;
SELECT is(khala.max_payload_bytes(), 16777216, 'the greatest of them');
UPDATE runtime.sync_topics SET payload_mode = 'pointer' WHERE topic = 'pgtap.large';
SELECT is(khala.max_payload_bytes(), 1000, 'that counts');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
