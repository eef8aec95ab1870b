-- Deploy khala:runtime_tables to pg

BEGIN;
\ir ../session.sql

SET LOCAL ROLE khala_owner;

-- Runs and workers share one shape, one history and one projector; each kind is a partition, which queries use like
-- an ordinary table. What khala_internal.check_event refuses has no CHECK here as well: only functions write these
-- tables, they ask it first, and each statement that writes a table parses its CHECKs.
CREATE TABLE runtime.entities (
    kind text NOT NULL,
    id text NOT NULL,
    latest_seq bigint NOT NULL CHECK (latest_seq >= 0),
    created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    org_id text,
    unnumbered_count bigint NOT NULL DEFAULT 0 CHECK (unnumbered_count BETWEEN 0 AND latest_seq),
    PRIMARY KEY (kind, id)
) PARTITION BY LIST (kind);
COMMENT ON TABLE runtime.entities IS 'Entities with a history: one partition per kind. The row is the lock and the counter of that history';
COMMENT ON COLUMN runtime.entities.kind IS 'run or codex_worker';
COMMENT ON COLUMN runtime.entities.latest_seq IS 'Sequence number of the last event; numbers count from 1 without holes, so it is also the number of events';
COMMENT ON COLUMN runtime.entities.org_id IS 'Owner organisation, fixed by the first event; null is public';
COMMENT ON COLUMN runtime.entities.unnumbered_count IS 'Number of events that are not its writer''s: marks of Khala''s and requests through the API; the writer, which does not know of them, numbers its own events without them';

-- latest_seq changes with every event and is in no index: with room on the page each update is HOT.
CREATE TABLE runtime.runs PARTITION OF runtime.entities FOR VALUES IN ('run')
WITH (fillfactor = 50);
CREATE TABLE runtime.codex_workers PARTITION OF runtime.entities FOR VALUES IN ('codex_worker')
WITH (fillfactor = 50);
COMMENT ON TABLE runtime.runs IS 'Runs: commands and jobs that start, progress and end';
COMMENT ON TABLE runtime.codex_workers IS 'Codex workers: agents that take up one task after another';

CREATE TABLE runtime.entity_events (
    kind text NOT NULL,
    id text NOT NULL,
    seq bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    event_type text NOT NULL,
    payload jsonb NOT NULL,
    PRIMARY KEY (kind, id, seq),
    FOREIGN KEY (kind, id) REFERENCES runtime.entities (kind, id)
) PARTITION BY LIST (kind);
COMMENT ON TABLE runtime.entity_events IS 'The runtime''s history, append-only: one partition per kind of entity';
COMMENT ON COLUMN runtime.entity_events.seq IS 'Position in the history of this entity: 1, 2, 3 … without holes';
COMMENT ON COLUMN runtime.entity_events.occurred_at IS 'Time of the event, by the clock of its reporter';
COMMENT ON COLUMN runtime.entity_events.recorded_at IS 'Time of appending, by the clock of this server';

CREATE TABLE runtime.run_events PARTITION OF runtime.entity_events FOR VALUES IN ('run')
WITH (autovacuum_vacuum_insert_scale_factor = 0.05);
CREATE TABLE runtime.codex_worker_events PARTITION OF runtime.entity_events FOR VALUES IN ('codex_worker')
WITH (autovacuum_vacuum_insert_scale_factor = 0.05);
COMMENT ON TABLE runtime.run_events IS 'Events of runs';
COMMENT ON TABLE runtime.codex_worker_events IS 'Events of codex workers';

-- A summary needs the last event of a handful of types: one index descent each, however long the history. The key is
-- -seq, so that no other index gives this order: the planner expected a walk back along the primary key to meet an
-- event of each type soon, and walked through whole histories for types that did not occur.
CREATE INDEX entity_events_type ON runtime.entity_events (kind, id, event_type, (-seq));

CREATE TABLE runtime.projection_checkpoints (
    projection text NOT NULL,
    entity_id text NOT NULL,
    last_seq bigint NOT NULL CHECK (last_seq > 0),
    drift_count bigint NOT NULL DEFAULT 0 CHECK (drift_count >= 0),
    version_offset bigint NOT NULL DEFAULT 0 CHECK (version_offset >= 0),
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    projection_version integer NOT NULL CHECK (projection_version > 0),
    summary_hash bytea NOT NULL CHECK (pg_catalog.octet_length(summary_hash) = 32),
    heartbeat_s numeric CHECK (heartbeat_s >= 0),
    PRIMARY KEY (projection, entity_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE runtime.projection_checkpoints IS 'Last write of each projection for each entity; makes a repeated projection a no-op';
COMMENT ON COLUMN runtime.projection_checkpoints.last_seq IS 'Last event of the entity that the summary includes';
COMMENT ON COLUMN runtime.projection_checkpoints.version_offset IS 'Difference between the document''s version and its sequence number: above 0 when history was lost and the summary rebuilt';
COMMENT ON COLUMN runtime.projection_checkpoints.drift_count IS 'Number of times that the same history gave another summary under the same projection version';
COMMENT ON COLUMN runtime.projection_checkpoints.summary_hash IS 'SHA-256 of the canonical summary without projected_at';
COMMENT ON COLUMN runtime.projection_checkpoints.heartbeat_s IS 'Of a run at work: most seconds between two events, as its writer announced (0: it sends heartbeats unannounced). Of a worker whose heartbeat is fresh: seconds after which it is stale. Null when no heartbeat is expected';

-- Drift is rare and checkpoints are many: a scrape must not read them all.
CREATE INDEX projection_checkpoints_drift ON runtime.projection_checkpoints (projection) INCLUDE (drift_count)
WHERE drift_count > 0;

-- Entities at work are few among all that ever were. heartbeat_s changes when one starts and ends: between, an update
-- stays HOT.
CREATE INDEX projection_checkpoints_heartbeat ON runtime.projection_checkpoints (projection, entity_id)
WHERE heartbeat_s IS NOT NULL;

-- Requests to workers are events; here stands what an event cannot say, as it never changes.
CREATE TABLE runtime.codex_worker_requests (
    worker_id text NOT NULL,
    seq bigint NOT NULL CHECK (seq > 0),
    acknowledged_seq bigint CHECK (acknowledged_seq > seq),
    PRIMARY KEY (worker_id, seq)
);
CREATE INDEX codex_worker_requests_pending ON runtime.codex_worker_requests (worker_id, seq)
WHERE acknowledged_seq IS NULL;
COMMENT ON TABLE runtime.codex_worker_requests IS 'Requests to codex workers through the API, and which of them the worker has acknowledged';
COMMENT ON COLUMN runtime.codex_worker_requests.seq IS 'Event worker.requested or worker.stop_requested in the history of the worker';
COMMENT ON COLUMN runtime.codex_worker_requests.acknowledged_seq IS 'Event worker.acknowledged; null while the request is pending';

CREATE TABLE runtime.codex_worker_request_keys (
    worker_id text NOT NULL,
    idempotency_key text NOT NULL CHECK (pg_catalog.length(idempotency_key) BETWEEN 1 AND 255),
    request_hash bytea NOT NULL CHECK (pg_catalog.octet_length(request_hash) = 32),
    seq bigint NOT NULL,
    PRIMARY KEY (worker_id, idempotency_key),
    FOREIGN KEY (worker_id, seq) REFERENCES runtime.codex_worker_requests (worker_id, seq)
);
COMMENT ON TABLE runtime.codex_worker_request_keys IS 'Idempotency keys of requests to codex workers, for as long as the history';
COMMENT ON COLUMN runtime.codex_worker_request_keys.seq IS 'Request that the key stands for; two requests to stop may be one';

-- What khala.archive_runs has moved here is read by nothing of Khala.
CREATE TABLE runtime.archived_runs (
    id text PRIMARY KEY,
    org_id text,
    latest_seq bigint NOT NULL,
    unnumbered_count bigint NOT NULL,
    created_at timestamptz NOT NULL,
    archived_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    summary jsonb NOT NULL
);
CREATE TABLE runtime.archived_run_events (
    run_id text NOT NULL REFERENCES runtime.archived_runs (id) ON DELETE CASCADE,
    seq bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    event_type text NOT NULL,
    payload jsonb NOT NULL,
    PRIMARY KEY (run_id, seq)
);
COMMENT ON TABLE runtime.archived_runs IS 'Ended runs that khala.archive_runs has taken out of the history; their ids are not used again';
COMMENT ON COLUMN runtime.archived_runs.summary IS 'The last document, without projected_at';
COMMENT ON TABLE runtime.archived_run_events IS 'Events of archived runs; they go with their run';
GRANT SELECT ON runtime.archived_runs, runtime.archived_run_events TO khala_dba;

COMMIT;
