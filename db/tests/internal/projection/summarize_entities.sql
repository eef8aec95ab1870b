BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(22);

-- Entities below belong to nobody.
UPDATE runtime.sync_topics SET ownership = 'mixed';

-- The summary document, field by field.
CREATE FUNCTION pg_temp.summary(p_kind text) RETURNS jsonb LANGUAGE sql AS
$$ SELECT summary FROM khala_internal.summarize_entities(p_kind, ARRAY['tap']) $$;

SELECT khala.append_run_event('tap', 'run.started', '{"title": "build", "command": ["make", "-j4"]}', 'tap-org', 1, '2026-01-01T10:00:00Z');
SELECT is(pg_temp.summary('run'), '{
    "document_id": "runtime/run_summary:tap", "kind": "run_summary", "run_id": "tap", "owner": "tap-org",
    "status": "running", "terminal_reason": null, "title": "build", "command": ["make", "-j4"], "task": null,
    "progress": null, "exit_code": null, "signal": null,
    "started_at": "2026-01-01T10:00:00.000000Z", "finished_at": null,
    "latest_seq": 1, "event_count": 1, "latest_event_type": "run.started",
    "latest_event_at": "2026-01-01T10:00:00.000000Z",
    "runtime_source": {"entity": "run", "id": "tap", "seq": 1}, "projection_version": 2
}'::jsonb, 'a run that has started');
SELECT is(
    (SELECT (id, org_id, latest_seq)::text FROM khala_internal.summarize_entities('run', ARRAY['tap'])), '(tap,tap-org,1)',
    'with its id, owner and sequence number'
);

SELECT khala.append_run_event('tap', 'run.progress', '{"lines": 2, "bytes": 30, "last_line": "ok", "other": 1}');
SELECT khala.append_run_event('tap', 'run.heartbeat');
SELECT is(pg_temp.summary('run') -> 'progress', '{"lines": 2, "bytes": 30, "last_line": "ok"}'::jsonb, 'the latest progress');
SELECT is(pg_temp.summary('run') ->> 'latest_event_type', 'run.heartbeat', 'the latest event, whatever it is');
SELECT is(pg_temp.summary('run') ->> 'status', 'running', 'a heartbeat tells of no status');

SELECT khala.append_run_event('tap', 'run.finished', '{"exit_code": 3, "lines": 4}', p_occurred_at => '2026-01-01T11:00:00Z');
SELECT is(pg_temp.summary('run') ->> 'status', 'failed', 'an exit code other than 0');
SELECT is(pg_temp.summary('run') ->> 'terminal_reason', 'exit code 3', 'is the reason');
SELECT is(pg_temp.summary('run') -> 'exit_code', '3'::jsonb, 'and told as a number');
SELECT is(pg_temp.summary('run') ->> 'finished_at', '2026-01-01T11:00:00.000000Z', 'the end');
SELECT is(pg_temp.summary('run') -> 'progress', '{"lines": 4}'::jsonb, 'totals of the last event');
SELECT is(pg_temp.summary('run') -> 'event_count', '4'::jsonb, 'all events count');

SELECT khala.append_run_event('tap', 'run.started');
SELECT is(
    pg_temp.summary('run') - ARRAY['latest_event_at', 'started_at'] @> '{"status": "running", "terminal_reason": null,
    "exit_code": null, "finished_at": null, "progress": null, "title": null}'::jsonb, TRUE, 'started again: nothing old shows'
);
SELECT khala.append_run_event('tap', 'run.finished', '{"signal": "SIGTERM"}');
SELECT is(pg_temp.summary('run') ->> 'terminal_reason', 'signal SIGTERM', 'ended by a signal');
SELECT khala.append_run_event('tap', 'run.finished', '{"exit_code": 0}');
SELECT is(pg_temp.summary('run') ->> 'status', 'succeeded', 'exit code 0');
SELECT khala.append_run_event('tap', 'run.cancelled', '{"reason": "not needed"}');
SELECT is(
    pg_temp.summary('run') @> '{"status": "cancelled", "terminal_reason": "not needed"}'::jsonb, TRUE, 'a reason that is given'
);

SELECT khala.append_run_event('tap', 'run.started', '{"title": 7, "command": {"a": 1}}');
SELECT khala.append_run_event('tap', 'run.progress', '{"lines": "many", "last_line": 4}');
SELECT is(
    pg_temp.summary('run') @> '{"title": null, "command": null, "progress": {}}'::jsonb, TRUE, 'fields of another type are not taken'
);
SELECT khala.append_run_event(
    'tap', 'run.started', jsonb_build_object('title', repeat('t', 9000), 'command', repeat('c', 9000))
);
SELECT is(
    pg_temp.summary('run') @> jsonb_build_object('title', repeat('t', 500), 'command', NULL), TRUE, 'long texts are cut or left out'
);

SELECT khala.append_codex_worker_event('tap', 'noticed');
SELECT is(
    pg_temp.summary('codex_worker') @> '{"document_id": "runtime/codex_worker_summary:tap",
    "kind": "codex_worker_summary", "worker_id": "tap", "owner": null, "status": "starting"}'::jsonb, TRUE,
    'a worker nothing is known of'
);
SELECT khala.append_codex_worker_event('tap', 'worker.busy', '{"task": "issue 2"}');
SELECT is(
    pg_temp.summary('codex_worker') @> '{"status": "running", "activity": "busy", "task": "issue 2"}'::jsonb, TRUE, 'a worker at its task'
);
SELECT khala.append_codex_worker_event('tap', 'worker.idle');
SELECT is(
    pg_temp.summary('codex_worker') @> '{"status": "running", "activity": "idle", "task": null}'::jsonb, TRUE, 'and idle again'
);
SELECT is_empty($$SELECT * FROM khala_internal.summarize_entities('run', ARRAY['tap-none'])$$, 'nothing of an unknown run');
SELECT is_empty($$SELECT * FROM khala_internal.summarize_entities('job', ARRAY['tap'])$$, 'nor of an unknown kind');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
