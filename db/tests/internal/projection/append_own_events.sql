BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(5);

SELECT khala.append_codex_worker_event('tap', 'worker.started', '{}', 'tap-org', 1);
SELECT khala.append_codex_worker_event('tap-2', 'worker.started', '{}', 'tap-org', 1);
SELECT set_eq(
    $$SELECT id, seq FROM khala_internal.append_own_events(
        'codex_worker', 'worker.stale', ARRAY['tap', 'tap-2'], ARRAY['{"n": 1}', '{"n": 2}']::jsonb[])$$,
    $$VALUES ('tap', 2::bigint), ('tap-2', 2)$$, 'one event for each'
);
SELECT is(
    (SELECT v.payload FROM runtime.codex_worker_events AS v WHERE v.id = 'tap-2' AND v.seq = 2), '{"n": 2}'::jsonb,
    'with its own payload'
);
SELECT is(
    (SELECT (e.latest_seq, e.unnumbered_count)::text FROM runtime.codex_workers AS e WHERE e.id = 'tap'), '(2,1)',
    'its writer does not number it'
);
SELECT results_eq(
    $$SELECT seq, outcome FROM khala.append_codex_worker_event('tap', 'worker.heartbeat', '{}', 'tap-org', 2)$$,
    $$VALUES (2::bigint, 'appended')$$, 'and goes on counting its own'
);
SELECT is(
    (
        SELECT d.doc_version FROM runtime.sync_documents AS d
        WHERE d.topic = 'runtime.codex_worker_summaries' AND d.doc_key = 'runtime/codex_worker_summary:tap-2'
    ), 2::bigint, 'the summaries are projected'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
