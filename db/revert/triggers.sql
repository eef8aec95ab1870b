-- Revert khala:triggers from pg

BEGIN;

DROP TRIGGER codex_worker_events_truncate ON runtime.codex_worker_events;
DROP TRIGGER run_events_truncate ON runtime.run_events;
DROP TRIGGER entity_events_truncate ON runtime.entity_events;
DROP TRIGGER entity_events_change ON runtime.entity_events;
DROP TRIGGER sync_topic_sequences_wake ON runtime.sync_topic_sequences;

COMMIT;
