-- Revert khala:sync_tables from pg

BEGIN;

DROP TABLE runtime.sync_epochs;
DROP TABLE runtime.sync_topic_retention;
-- Read models that register_topic attached are partitions and go with their parent.
DROP TABLE runtime.sync_documents;
DROP TABLE runtime.sync_stream_events;
DROP TABLE runtime.sync_topic_sequences;
DROP TABLE runtime.sync_topics;

COMMIT;
