BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(7);

-- Entities below belong to nobody.
UPDATE runtime.sync_topics SET ownership = 'mixed';

-- Page by page through a kind.
SELECT khala.append_codex_worker_event('￿tap-' || n, 'x') FROM generate_series(1, 5) AS n;
SELECT results_eq(
    $$SELECT id, outcome FROM khala.rebuild_projections('codex_worker', '￿tap-', 2)$$,
    $$VALUES ('￿tap-1', 'rewritten'), ('￿tap-2', 'rewritten')$$, 'a page, in the order of ids'
);
SELECT results_eq(
    $$SELECT id FROM khala.rebuild_projections('codex_worker', '￿tap-2', 10)$$,
    $$VALUES ('￿tap-3'), ('￿tap-4'), ('￿tap-5')$$, 'the next'
);
SELECT is_empty($$SELECT * FROM khala.rebuild_projections('codex_worker', '￿tap-5', 10)$$, 'nothing after the last');
SELECT throws_ok($$SELECT * FROM khala.rebuild_projections('job')$$, 'KH007', NULL, 'an unknown kind');
SELECT throws_ok($$SELECT * FROM khala.rebuild_projections('run', NULL, 0)$$, 'KH007', NULL, 'an empty page');
SELECT throws_ok($$SELECT * FROM khala.rebuild_projections('run', NULL, NULL)$$, 'KH007', NULL, 'no limit');
SELECT function_privs_are(
    'khala', 'rebuild_projections', ARRAY['text', 'text', 'integer'], 'khala_dba', ARRAY['EXECUTE'], 'a DBA may rebuild'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
