-- Revert khala:runtime_tables from pg

BEGIN;
\ir ../session.sql

DROP TABLE runtime.archived_run_events;
DROP TABLE runtime.archived_runs;
DROP TABLE runtime.codex_worker_request_keys;
DROP TABLE runtime.codex_worker_requests;
DROP TABLE runtime.projection_checkpoints;
DROP TABLE runtime.entity_events;
DROP TABLE runtime.entities;

COMMIT;
