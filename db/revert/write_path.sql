-- Revert khala:write_path from pg

BEGIN;

SET LOCAL ROLE khala_owner;

-- As when deployed.
LOCK TABLE runtime.sync_topics, runtime.sync_documents, runtime.sync_topic_sequences, runtime.sync_stream_events;

DROP VIEW khala.sink_stats;
DROP SEQUENCE runtime.sync_sinks_stale_version;
DROP SEQUENCE runtime.sync_sinks_duplicate;
DROP SEQUENCE runtime.sync_sinks_rewritten;

ALTER TABLE runtime.sync_topics DROP COLUMN many_topics;

ALTER TABLE runtime.sync_topic_sequences
ADD CONSTRAINT sync_topic_sequences_head_watermark_check CHECK (head_watermark >= 0);
ALTER TABLE runtime.sync_stream_events ADD CONSTRAINT sync_stream_events_watermark_check CHECK (watermark > 0);
ALTER TABLE runtime.sync_documents
ADD CONSTRAINT sync_documents_doc_key_check CHECK (pg_catalog.length(doc_key) BETWEEN 1 AND 512),
ADD CONSTRAINT sync_documents_doc_version_check CHECK (doc_version >= 0),
ADD CONSTRAINT sync_documents_org_id_check CHECK (pg_catalog.length(org_id) BETWEEN 1 AND 200),
ADD CONSTRAINT sync_documents_check CHECK (deleted = (payload IS NULL));

-- Load the functions of before as well: with today's this trigger does not see a topic disarmed.
DROP TRIGGER sync_topic_sequences_wake ON runtime.sync_topic_sequences;
CREATE TRIGGER sync_topic_sequences_wake
AFTER UPDATE ON runtime.sync_topic_sequences
FOR EACH ROW
WHEN (old.armed AND NOT new.armed AND new.head_watermark > old.head_watermark)
EXECUTE FUNCTION khala_internal.sync_topic_sequences_wake();
COMMENT ON TRIGGER sync_topic_sequences_wake ON runtime.sync_topic_sequences IS
'Wakes sleeping relays: a writer that found the topic armed notifies when it commits';

COMMIT;
