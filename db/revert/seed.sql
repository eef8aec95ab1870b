-- Revert khala:seed from pg
-- User-defined topics go too: they are rows of tables that the next reverts drop.

BEGIN;
\ir ../session.sql

DO $$
DECLARE
    v_read_model text;
BEGIN
    FOR v_read_model IN SELECT t.read_model FROM runtime.sync_topics AS t LOOP
        EXECUTE pg_catalog.format('DROP VIEW runtime.%I', v_read_model);
    END LOOP;
END
$$;
DELETE FROM lightning.security_global;
DELETE FROM runtime.attachment_set_aside;
DELETE FROM runtime.attachments;
DELETE FROM runtime.sync_staged_writes;
DELETE FROM runtime.sync_topic_staging;
DELETE FROM runtime.sync_documents;
DELETE FROM runtime.sync_stream_events;
DELETE FROM runtime.sync_topic_retention;
DELETE FROM runtime.sync_topic_sequences;
DELETE FROM runtime.sync_topics;
DELETE FROM runtime.sync_epochs;

COMMIT;
