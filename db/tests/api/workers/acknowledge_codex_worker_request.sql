BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(14);

SELECT function_privs_are(
    'khala', 'acknowledge_codex_worker_request', ARRAY['text', 'bigint', 'text', 'jsonb'], 'khala_runtime', ARRAY['EXECUTE'], 'a runtime may'
);
SELECT khala.append_codex_worker_event('tap', 'worker.started', '{}', 'tap-org');
SELECT khala.request_codex_worker('tap-org', 'tap', '{}', 'ann');
SELECT is(khala.acknowledge_codex_worker_request('tap', 2, 'refused', '{"a": 1}'), 'acknowledged', 'it is acknowledged');
SELECT is(
    (SELECT v.payload FROM runtime.codex_worker_events AS v WHERE v.id = 'tap' AND v.event_type = 'worker.acknowledged'),
    '{"request_seq": 2, "outcome": "refused", "response": {"a": 1}}'::jsonb, 'by an event'
);
SELECT is(khala.acknowledge_codex_worker_request('tap', 2, 'refused', '{"a": 1}'), 'duplicate', 'once');
SELECT throws_ok('SELECT khala.acknowledge_codex_worker_request(' || v.arguments || ')', v.code, NULL, left(v.arguments, 60))
FROM (
    VALUES
    ('''tap'', 2', 'KH009'), ('''tap'', 1', 'KH007'), ('''tap'', NULL', 'KH007'), ('''tap-none'', 2', 'KH007'),
    ('''tap'', 2, ''maybe''', 'KH007'), ('''tap'', 2, NULL', 'KH007'), ('''tap'', 2, ''done'', ''[]''', 'KH007'),
    ('''tap'', 2, ''done'', ''{"a": 1e400}''', 'KH005'),
    ('''tap'', 2, ''done'', jsonb_build_object(''a'', repeat(''a'', 1048577))', 'KH004')
) AS v (arguments, code);
SELECT is((SELECT e.latest_seq FROM runtime.codex_workers AS e WHERE e.id = 'tap'), 3::bigint, 'what was refused left nothing behind');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
