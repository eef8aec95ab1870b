-- Deploy khala:telemetry to pg

BEGIN;

SET LOCAL ROLE khala_owner;

-- Drift is rare, checkpoints are many: a scrape must not read them all.
CREATE INDEX projection_checkpoints_drift ON runtime.projection_checkpoints (projection) INCLUDE (drift_count)
WHERE drift_count > 0;

COMMIT;
