BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(5);

-- Entities below belong to nobody.
UPDATE runtime.sync_topics SET ownership = 'mixed';

-- Many at once; project_run and project_codex_worker test what is decided for each.
SELECT khala.append_run_event('tap-' || n, 'x') FROM generate_series(1, 3) AS n;
UPDATE runtime.projection_checkpoints SET summary_hash = decode(repeat('00', 32), 'hex')
WHERE projection = 'run_summary' AND entity_id = 'tap-2';
DELETE FROM runtime.projection_checkpoints
WHERE projection = 'run_summary' AND entity_id = 'tap-3';
DELETE FROM runtime.sync_documents
WHERE topic = 'runtime.run_summaries' AND doc_key = 'runtime/run_summary:tap-3';
SELECT results_eq(
    $$SELECT id, outcome, reason
    FROM khala_internal.project_entities('run', ARRAY['tap-3', 'tap-1', 'tap-none', 'tap-2', 'tap-1']) ORDER BY id$$,
    $$VALUES ('tap-1', 'skipped', 'unchanged'), ('tap-2', 'rewritten', 'drift'), ('tap-3', 'applied', 'new_events')$$,
    'each is judged by itself; unknown ids are left out'
);
SELECT is(
    (
        SELECT head_watermark FROM runtime.sync_topic_sequences
        WHERE topic = 'runtime.run_summaries'
    ),
    (
        SELECT max(watermark) FROM runtime.sync_documents
        WHERE topic = 'runtime.run_summaries'
    ),
    'no watermark is allocated for what is skipped'
);
SELECT is_empty($$SELECT * FROM khala_internal.project_entities('run', '{}')$$, 'nothing to do');
SELECT is_empty($$SELECT * FROM khala_internal.project_entities('run', NULL)$$, 'nothing named');
SELECT throws_ok($$SELECT khala_internal.project_entities('job', ARRAY['a'])$$, 'KH007', NULL, 'an unknown kind');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
