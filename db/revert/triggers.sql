-- Revert khala:triggers from pg

BEGIN;

DROP TRIGGER sync_topic_sequences_wake ON runtime.sync_topic_sequences;

COMMIT;
