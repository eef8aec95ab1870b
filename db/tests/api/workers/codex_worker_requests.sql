BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(7);

SELECT function_privs_are('khala', 'codex_worker_requests', ARRAY['text', 'integer'], 'khala_runtime', ARRAY['EXECUTE'], 'a runtime may');
SELECT function_privs_are('khala', 'codex_worker_requests', ARRAY['text', 'integer'], 'khala_relay', '{}', 'a relay may not');
SELECT khala.append_codex_worker_event('tap', 'worker.started', '{}', 'tap-org');
SELECT is_empty($$SELECT * FROM khala.codex_worker_requests('tap')$$, 'nothing yet');
SELECT khala.request_codex_worker('tap-org', 'tap', jsonb_build_object('n', n), 'ann') FROM generate_series(1, 2) AS g (n);
SELECT khala.stop_codex_worker('tap-org', 'tap', 'why', 'bob');
SELECT results_eq(
    $$SELECT seq, action, request, reason, requested_by FROM khala.codex_worker_requests('tap')$$,
    $$VALUES (2::bigint, 'request', '{"n": 1}'::jsonb, NULL, 'ann'), (3, 'request', '{"n": 2}', NULL, 'ann'), (4, 'stop', NULL, 'why', 'bob')$$,
    'in their order'
);
SELECT khala.acknowledge_codex_worker_request('tap', 2);
SELECT results_eq($$SELECT seq FROM khala.codex_worker_requests('tap', 1)$$, 'VALUES (3::bigint)', 'those that are pending, no more than wanted');
SELECT khala.append_codex_worker_event('tap', 'worker.stopped');
SELECT results_eq($$SELECT seq FROM khala.codex_worker_requests('tap')$$, 'VALUES (3::bigint)', 'a stop is void after the end');
SELECT throws_ok($$SELECT khala.codex_worker_requests('tap', 0)$$, 'KH007', NULL, 'no requests');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
