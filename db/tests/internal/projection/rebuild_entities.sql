BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(3);

-- Entities below belong to nobody.
UPDATE runtime.sync_topics SET ownership = 'mixed';

-- The part that rebuild_projection and rebuild_projections share.
SELECT khala.append_run_event('tap-' || n, 'x') FROM generate_series(1, 3) AS n;
SELECT results_eq(
    $$SELECT id, outcome FROM khala_internal.rebuild_entities('run', ARRAY['tap-3', 'tap-none', 'tap-1']) ORDER BY id$$,
    $$VALUES ('tap-1', 'rewritten'), ('tap-3', 'rewritten')$$, 'those that are named and known'
);
SELECT is(
    (
        SELECT count(*) FROM runtime.sync_stream_events
        WHERE doc_key = 'runtime/run_summary:tap-2'
    ), 1::bigint, 'and no other'
);
SELECT throws_ok($$SELECT khala_internal.rebuild_entities('job', ARRAY['tap-1'])$$, 'KH007', NULL, 'an unknown kind');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
