-- Verify khala:telemetry on pg

BEGIN;

SELECT 'runtime.projection_checkpoints_drift'::pg_catalog.regclass;

ROLLBACK;
