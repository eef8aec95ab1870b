BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(31);

-- Statuses, activity, heartbeats and fields of the start, as the summary has them.
CREATE FUNCTION pg_temp.summary() RETURNS jsonb LANGUAGE sql AS $$
SELECT summary FROM khala_internal.summarize_entities('codex_worker', ARRAY['tap']) $$;
CREATE FUNCTION pg_temp.after(p_verb text) RETURNS text LANGUAGE sql AS $$
SELECT khala.append_codex_worker_event('tap', 'worker.' || p_verb, '{}', 'tap-org');
SELECT s.summary ->> 'status' FROM khala_internal.summarize_entities('codex_worker', ARRAY['tap']) AS s $$;

SELECT is(pg_temp.after(v.verb), v.status, v.verb || ' is ' || v.status)
FROM (
    VALUES
    ('heartbeat', 'starting'), ('queued', 'starting'), ('starting', 'starting'), ('busy', 'running'), ('started', 'running'),
    ('idle', 'running'), ('waiting', 'running'), ('paused', 'running'), ('resumed', 'running'), ('stopping', 'stopping'),
    ('busy', 'stopping'), ('stopped', 'stopped'), ('idle', 'stopped'), ('started', 'running'), ('finished', 'stopped'),
    ('started', 'running'), ('cancelled', 'stopped'), ('started', 'running'), ('failed', 'failed'), ('heartbeat', 'failed'),
    ('started', 'running')
) AS v (verb, status);
SELECT khala.append_codex_worker_event('tap', 'worker.finished', '{"exit_code": 1}');
SELECT is(
    pg_temp.summary() @> '{"status": "failed", "terminal_reason": "exit code 1", "heartbeat_state": "failed"}', TRUE,
    'an exit code other than 0'
);

SELECT khala.append_codex_worker_event(
    'tap', 'worker.started', '{"workspace": "/src", "adapter": "codex", "metadata": {"a": 1}, "title": "t"}'
);
SELECT is(
    pg_temp.summary() @> '{"workspace": "/src", "adapter": "codex", "metadata": {"a": 1}, "title": "t", "activity": null,
    "heartbeat_at": null, "heartbeat_state": "missing", "heartbeat_stale_after_s": 120, "stopped_at": null}', TRUE,
    'fields of the start; heartbeats before it do not count'
);
SELECT khala.append_codex_worker_event('tap', 'worker.heartbeat');
SELECT khala.append_codex_worker_event('tap', 'worker.busy', '{"task": "issue 2"}');
SELECT is(pg_temp.summary() @> '{"activity": "busy", "task": "issue 2", "heartbeat_state": "fresh"}', TRUE, 'at its task');
SELECT is(
    (pg_temp.summary() ->> 'heartbeat_at')::timestamptz,
    (
        SELECT v.recorded_at FROM runtime.codex_worker_events AS v
        WHERE v.id = 'tap' AND v.event_type = 'worker.heartbeat' ORDER BY v.seq DESC LIMIT 1
    ), 'the heartbeat by the clock of this server'
);
SELECT is(
    (pg_temp.summary() ->> 'updated_at')::timestamptz,
    (SELECT max(v.recorded_at) FROM runtime.codex_worker_events AS v WHERE v.id = 'tap'), 'the latest event by the same clock'
);
SELECT is(
    (SELECT c.heartbeat_s FROM runtime.projection_checkpoints AS c WHERE c.entity_id = 'tap'), 120::numeric,
    'the checkpoint says what is expected'
);
SELECT khala.append_codex_worker_event('tap', 'worker.stopped', '{}', NULL, NULL, '2026-01-01T00:00:00Z');
SELECT is(
    pg_temp.summary() @> '{"stopped_at": "2026-01-01T00:00:00.000000Z", "heartbeat_state": "stopped", "activity": null}', TRUE,
    'the end'
);
SELECT is(
    (SELECT c.heartbeat_s FROM runtime.projection_checkpoints AS c WHERE c.entity_id = 'tap'), NULL, 'nothing is expected then'
);
SELECT khala.append_codex_worker_event('tap', 'worker.started', '{"workspace": 1, "adapter": [], "metadata": "m"}');
SELECT is(
    pg_temp.summary() @> '{"workspace": null, "adapter": null, "metadata": null}', TRUE, 'fields of another type are not taken'
);
SELECT khala.append_codex_worker_event('tap', 'worker.started', jsonb_build_object(
    'workspace', repeat('w', 2000), 'adapter', repeat('a', 200), 'metadata', jsonb_build_object('m', repeat('m', 9000))
));
SELECT is(
    pg_temp.summary() @> jsonb_build_object('workspace', repeat('w', 1000), 'adapter', repeat('a', 100), 'metadata', NULL), TRUE,
    'long ones are cut or left out'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
