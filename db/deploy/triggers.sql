-- Deploy khala:triggers to pg

BEGIN;

SET LOCAL ROLE khala_owner;

CREATE TRIGGER sync_topic_sequences_wake
AFTER UPDATE ON runtime.sync_topic_sequences
FOR EACH ROW
WHEN (old.armed AND NOT new.armed AND new.head_watermark > old.head_watermark)
EXECUTE FUNCTION khala_internal.sync_topic_sequences_wake();
COMMENT ON TRIGGER sync_topic_sequences_wake ON runtime.sync_topic_sequences IS
'Wakes sleeping relays: a writer that found the topic armed notifies when it commits';

CREATE TRIGGER entity_events_change
BEFORE UPDATE OR DELETE ON runtime.entity_events
FOR EACH ROW EXECUTE FUNCTION khala_internal.refuse_history_change();
CREATE TRIGGER entity_events_truncate
BEFORE TRUNCATE ON runtime.entity_events
FOR EACH STATEMENT EXECUTE FUNCTION khala_internal.refuse_history_change();
-- A row trigger reaches the partitions, one for TRUNCATE does not.
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
