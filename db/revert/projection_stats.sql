-- Revert khala:projection_stats from pg

BEGIN;

SET LOCAL ROLE khala_owner;

DROP VIEW khala.projection_stats;

COMMIT;
