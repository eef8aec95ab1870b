-- Deploy khala:triggers to pg

BEGIN;

SET LOCAL ROLE khala_owner;

CREATE TRIGGER sync_topic_sequences_wake
AFTER UPDATE ON runtime.sync_topic_sequences
FOR EACH ROW
WHEN (old.armed AND NOT new.armed AND new.head_watermark > old.head_watermark)
EXECUTE FUNCTION khala.sync_topic_sequences_wake();
COMMENT ON TRIGGER sync_topic_sequences_wake ON runtime.sync_topic_sequences IS
'Wakes sleeping relays: a writer that found the topic armed notifies when it commits';

COMMIT;
