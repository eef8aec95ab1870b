-- Deploy khala:sequence_key to pg

BEGIN;

SET LOCAL ROLE khala_owner;

-- Both now, in the order in which writers come to them.
LOCK TABLE runtime.sync_topics, runtime.sync_topic_sequences;

-- Whoever updates a row that the same transaction has updated before has its foreign key checked again, by a
-- query, though the key is the same: a tenth of every sink but the first to a topic. Only khala.register_topic
-- adds rows here, each after its topic's, and the retention's key still keeps a topic from being deleted.
ALTER TABLE runtime.sync_topic_sequences DROP CONSTRAINT sync_topic_sequences_topic_fkey;

COMMIT;
