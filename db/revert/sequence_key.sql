-- Revert khala:sequence_key from pg

BEGIN;

SET LOCAL ROLE khala_owner;

-- As when deployed.
LOCK TABLE runtime.sync_topics, runtime.sync_topic_sequences;

ALTER TABLE runtime.sync_topic_sequences
ADD CONSTRAINT sync_topic_sequences_topic_fkey FOREIGN KEY (topic) REFERENCES runtime.sync_topics (topic);

COMMIT;
