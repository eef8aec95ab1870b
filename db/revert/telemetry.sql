-- Revert khala:telemetry from pg

BEGIN;

DROP INDEX runtime.projection_checkpoints_drift;

COMMIT;
