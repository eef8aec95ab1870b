BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(4);

-- Which topic a kind of entity goes to.
SELECT results_eq(
    $$SELECT * FROM khala_internal.projection_of('run')$$,
    $$VALUES ('run_summary', 'runtime.run_summaries', 'run.', 'run_id')$$, 'runs'
);
SELECT results_eq(
    $$SELECT * FROM khala_internal.projection_of('codex_worker')$$,
    $$VALUES ('codex_worker_summary', 'runtime.codex_worker_summaries', 'worker.', 'worker_id')$$, 'workers'
);
SELECT is_empty($$SELECT * FROM khala_internal.projection_of('job')$$, 'nothing for another kind');
SELECT is_empty($$SELECT * FROM khala_internal.projection_of(NULL)$$, 'nothing for none');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
