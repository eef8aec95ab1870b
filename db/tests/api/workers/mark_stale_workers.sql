BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(20);

SELECT function_privs_are('khala', 'mark_stale_workers', ARRAY['integer'], 'khala_relay', ARRAY['EXECUTE'], 'relays may');
SELECT function_privs_are('khala', 'mark_stale_workers', ARRAY['integer'], 'khala_dba', ARRAY['EXECUTE'], 'a job may');
SELECT function_privs_are('khala', 'mark_stale_workers', ARRAY['integer'], 'khala_runtime', '{}', 'a runtime may not');

CREATE FUNCTION pg_temp.state(p_id text) RETURNS text LANGUAGE sql AS $$
SELECT d.payload ->> 'heartbeat_state' FROM runtime.sync_documents AS d
WHERE d.topic = 'runtime.codex_worker_summaries' AND d.doc_key = 'runtime/codex_worker_summary:' || p_id $$;
-- A worker whose last heartbeat is that old.
CREATE FUNCTION pg_temp.worker(p_id text, p_age interval, p_last text DEFAULT 'worker.heartbeat') RETURNS void LANGUAGE sql AS $$
INSERT INTO runtime.entities (kind, id, latest_seq, org_id) VALUES ('codex_worker', p_id, 3, 'tap-org');
INSERT INTO runtime.entity_events (kind, id, seq, occurred_at, recorded_at, event_type, payload)
SELECT 'codex_worker', p_id, e.seq, now(), clock_timestamp() - p_age, e.type, '{}'
FROM (VALUES (1, 'worker.started'), (2, 'worker.heartbeat'), (3, p_last)) AS e (seq, type);
SELECT khala.project_codex_worker(p_id) $$;

SELECT pg_temp.worker('tap-fresh', '100 s');
SELECT pg_temp.worker('tap-stale', '121 s');
SELECT pg_temp.worker('tap-old', '1 year');
SELECT pg_temp.worker('tap-busy', '121 s', 'worker.busy');
SELECT pg_temp.worker('tap-again', '121 s', 'worker.started');
SELECT pg_temp.worker('tap-ended', '121 s', 'worker.stopped');
SELECT is(pg_temp.state('tap-stale'), 'fresh', 'a document does not change by itself');
SELECT is(khala.mark_stale_workers(2), 2, 'no more than wanted');
SELECT is(khala.mark_stale_workers(), 1, 'the rest');
SELECT is(khala.mark_stale_workers(), 0, 'each once');
SELECT is(pg_temp.state(v.id), v.state, v.id || ' is ' || v.state)
FROM (
    VALUES
    ('tap-fresh', 'fresh'), ('tap-stale', 'stale'), ('tap-old', 'stale'), ('tap-busy', 'stale'), ('tap-again', 'missing'),
    ('tap-ended', 'stopped')
) AS v (id, state);
SELECT is(
    (SELECT (e.latest_seq, e.unnumbered_count)::text FROM runtime.codex_workers AS e WHERE e.id = 'tap-stale'), '(4,1)',
    'the mark is an event that its writer does not number'
);
SELECT results_eq(
    $$SELECT seq, outcome FROM khala.append_codex_worker_event('tap-stale', 'worker.heartbeat', '{}', NULL, 4)$$,
    $$VALUES (4::bigint, 'appended')$$, 'the next heartbeat has the next number'
);
SELECT is(pg_temp.state('tap-stale'), 'fresh', 'and makes it fresh');
SELECT khala.rebuild_projection('codex_worker', 'tap-old');
SELECT is(pg_temp.state('tap-old'), 'stale', 'what is rebuilt is the same');
SELECT throws_ok('SELECT khala.mark_stale_workers(0)', 'KH007', NULL, 'no workers');
SELECT throws_ok('SELECT khala.mark_stale_workers(NULL)', 'KH007', NULL, 'no number');
SELECT pg_temp.worker('tap-late', '121 s');
SET LOCAL transaction_read_only = on;
SELECT is(khala.mark_stale_workers(), 0, 'a session that may not write marks nothing');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
