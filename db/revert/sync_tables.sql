-- Revert khala:sync_tables from pg

BEGIN;
\ir ../session.sql

DROP SEQUENCE runtime.sync_sinks_stale_version;
DROP SEQUENCE runtime.sync_sinks_duplicate;
DROP SEQUENCE runtime.sync_sinks_rewritten;
DROP TABLE runtime.sync_epochs;
-- The sequences of khala.set_topic_writes belong to its column and go with it.
DROP TABLE runtime.sync_staged_writes;
DROP TABLE runtime.sync_topic_staging;
DROP TABLE runtime.sync_topic_retention;
-- With the views of khala.register_topic.
DROP TABLE runtime.sync_documents CASCADE;
DROP TABLE runtime.sync_stream_events;
DROP TABLE runtime.sync_topic_sequences;
DROP TABLE runtime.sync_topics;

COMMIT;
