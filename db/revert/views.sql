-- Revert khala:views from pg

BEGIN;

DROP VIEW khala.retention_stats;
DROP VIEW khala.topic_stats;

COMMIT;
