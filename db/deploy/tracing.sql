-- Deploy khala:tracing to pg

BEGIN;

SET LOCAL ROLE khala_owner;

-- The column's default calls it, and functions are loaded after the migrations.
\ir ../functions/internal/journal/traceparent.sql

-- In two steps, so that the rows there are keep a null without being looked at.
ALTER TABLE runtime.sync_stream_events ADD COLUMN traceparent text;
ALTER TABLE runtime.sync_stream_events ALTER COLUMN traceparent SET DEFAULT khala_internal.traceparent();
COMMENT ON COLUMN runtime.sync_stream_events.traceparent IS 'W3C trace context of the writer, if it set one; read by relays that trace';

COMMIT;
