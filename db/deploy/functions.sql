-- Deploy khala:functions to pg
-- Functions and views stand only in db/functions and db/views. A later change of a body needs no migration: see
-- docs/howto/upgrade.md.

BEGIN;
\ir ../session.sql

-- On a new database the current bodies are loaded before later changes of the plan, whose tables they may name.
SET LOCAL check_function_bodies = off;

\ir ../functions.sql

SET LOCAL ROLE khala_owner;

ALTER TABLE runtime.sync_stream_events ALTER COLUMN traceparent SET DEFAULT khala_internal.traceparent();

-- Every statement that might fire a trigger parses its WHEN. OF armed limits that to the separate UPDATE with which a
-- writer clears the flag.
CREATE TRIGGER sync_topic_sequences_wake
AFTER UPDATE OF armed ON runtime.sync_topic_sequences
FOR EACH ROW
WHEN (old.armed AND NOT new.armed)
EXECUTE FUNCTION khala_internal.sync_topic_sequences_wake();
-- For writers under session_replication_role = replica too, such as the one that applies a subscription: a relay
-- beside a logical copy sleeps like any other. The triggers below stay as they are: such a writer repeats what was
-- allowed where it came from.
ALTER TABLE runtime.sync_topic_sequences ENABLE ALWAYS TRIGGER sync_topic_sequences_wake;
COMMENT ON TRIGGER sync_topic_sequences_wake ON runtime.sync_topic_sequences IS
'Wakes sleeping relays: a writer that finds the topic armed notifies when it commits';

CREATE TRIGGER entity_events_change
BEFORE UPDATE OR DELETE ON runtime.entity_events
FOR EACH ROW EXECUTE FUNCTION khala_internal.refuse_history_change();
-- AFTER, so that one that waited for khala.archive_runs to end sees what it archived.
CREATE TRIGGER runs_archived
AFTER INSERT ON runtime.runs
FOR EACH ROW EXECUTE FUNCTION khala_internal.refuse_archived_run();
COMMENT ON TRIGGER runs_archived ON runtime.runs IS 'The id of an archived run is not used again';
CREATE TRIGGER entity_events_truncate
BEFORE TRUNCATE ON runtime.entity_events
FOR EACH STATEMENT EXECUTE FUNCTION khala_internal.refuse_history_change();
-- Partitions inherit a row trigger, but not one for TRUNCATE.
CREATE TRIGGER run_events_truncate
BEFORE TRUNCATE ON runtime.run_events
FOR EACH STATEMENT EXECUTE FUNCTION khala_internal.refuse_history_change();
CREATE TRIGGER codex_worker_events_truncate
BEFORE TRUNCATE ON runtime.codex_worker_events
FOR EACH STATEMENT EXECUTE FUNCTION khala_internal.refuse_history_change();
COMMENT ON TRIGGER entity_events_change ON runtime.entity_events IS 'History is append-only';
COMMENT ON TRIGGER entity_events_truncate ON runtime.entity_events IS 'History is append-only';
COMMENT ON TRIGGER run_events_truncate ON runtime.run_events IS 'History is append-only';
COMMENT ON TRIGGER codex_worker_events_truncate ON runtime.codex_worker_events IS 'History is append-only';

COMMIT;
