-- Verify khala:runtime_tables on pg

BEGIN;
\ir ../session.sql

SELECT kind, id, latest_seq, created_at, org_id, unnumbered_count
FROM runtime.entities WHERE FALSE;
SELECT kind, id, latest_seq, created_at, org_id, unnumbered_count
FROM runtime.runs WHERE FALSE;
SELECT kind, id, latest_seq, created_at, org_id, unnumbered_count
FROM runtime.codex_workers WHERE FALSE;
SELECT kind, id, seq, occurred_at, recorded_at, event_type, payload
FROM runtime.entity_events WHERE FALSE;
SELECT kind, id, seq, occurred_at, recorded_at, event_type, payload
FROM runtime.run_events WHERE FALSE;
SELECT kind, id, seq, occurred_at, recorded_at, event_type, payload
FROM runtime.codex_worker_events WHERE FALSE;
SELECT projection, entity_id, last_seq, drift_count, updated_at, projection_version, summary_hash, heartbeat_s
FROM runtime.projection_checkpoints WHERE FALSE;
SELECT worker_id, seq, acknowledged_seq
FROM runtime.codex_worker_requests WHERE FALSE;
SELECT worker_id, idempotency_key, request_hash, seq
FROM runtime.codex_worker_request_keys WHERE FALSE;
SELECT id, org_id, latest_seq, unnumbered_count, created_at, archived_at, summary
FROM runtime.archived_runs WHERE FALSE;
SELECT run_id, seq, occurred_at, recorded_at, event_type, payload
FROM runtime.archived_run_events WHERE FALSE;

DO $$
BEGIN
    ASSERT (
        SELECT pg_catalog.count(*) = 11
        FROM pg_catalog.pg_class AS c
        WHERE c.relnamespace = 'runtime'::pg_catalog.regnamespace
            AND c.relname IN (
                'entities', 'runs', 'codex_workers', 'entity_events', 'run_events',
                'codex_worker_events', 'projection_checkpoints', 'codex_worker_requests',
                'codex_worker_request_keys', 'archived_runs', 'archived_run_events'
            )
            AND c.relowner = 'khala_owner'::pg_catalog.regrole
    ), 'the runtime tables must belong to khala_owner';
    ASSERT (
        SELECT pg_catalog.count(*) = 4
        FROM pg_catalog.pg_inherits AS i
        WHERE (i.inhparent, i.inhrelid) IN (
            ('runtime.entities'::pg_catalog.regclass, 'runtime.runs'::pg_catalog.regclass),
            ('runtime.entities'::pg_catalog.regclass, 'runtime.codex_workers'::pg_catalog.regclass),
            ('runtime.entity_events'::pg_catalog.regclass, 'runtime.run_events'::pg_catalog.regclass),
            ('runtime.entity_events'::pg_catalog.regclass, 'runtime.codex_worker_events'::pg_catalog.regclass)
        )
    ), 'runs and workers must be partitions of entities, their events of entity_events';
    ASSERT NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_index AS i
        INNER JOIN pg_catalog.pg_attribute AS a
            ON i.indrelid = a.attrelid AND a.attnum = ANY (i.indkey)
        WHERE i.indrelid IN (
            'runtime.runs'::pg_catalog.regclass, 'runtime.codex_workers'::pg_catalog.regclass
        ) AND a.attname = 'latest_seq'
    ), 'latest_seq may not be indexed';
    ASSERT (
        SELECT i.indisvalid AND i.indisready
        FROM pg_catalog.pg_index AS i
        WHERE i.indexrelid = pg_catalog.to_regclass('runtime.entity_events_type')
    ), 'the index entity_events_type must exist and be valid';
    ASSERT (
        SELECT i.indisvalid AND i.indisready
        FROM pg_catalog.pg_index AS i
        WHERE i.indexrelid = pg_catalog.to_regclass('runtime.projection_checkpoints_drift')
    ), 'the index projection_checkpoints_drift must exist and be valid';
    ASSERT (
        SELECT i.indisvalid AND i.indisready
        FROM pg_catalog.pg_index AS i
        WHERE i.indexrelid = pg_catalog.to_regclass('runtime.projection_checkpoints_heartbeat')
    ), 'the index projection_checkpoints_heartbeat must exist and be valid';
END
$$;

ROLLBACK;
