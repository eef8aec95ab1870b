-- Revert khala:tracing from pg

BEGIN;

ALTER TABLE runtime.sync_stream_events DROP COLUMN traceparent;

COMMIT;
