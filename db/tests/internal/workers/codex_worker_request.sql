BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(3);

SELECT khala.append_codex_worker_event('tap', 'worker.started', '{}', 'tap-org');
SELECT khala.request_codex_worker('tap-org', 'tap', '{"a": 1}', 'ann');
SELECT is(
    khala_internal.codex_worker_request('tap', 2) #- '{request,requested_at}',
    '{"request": {"worker_id": "tap", "seq": 2, "action": "request", "request": {"a": 1}, "requested_by": "ann"}}'::jsonb,
    'a request'
);
SELECT khala.stop_codex_worker('tap-org', 'tap', 'why', 'bob');
SELECT is(
    khala_internal.codex_worker_request('tap', 3) #- '{request,requested_at}',
    '{"request": {"worker_id": "tap", "seq": 3, "action": "stop", "reason": "why", "requested_by": "bob"}}'::jsonb, 'a stop'
);
SELECT is(khala_internal.codex_worker_request('tap', 4), NULL, 'none');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
