BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(14);

SELECT throws_ok(
    $$SELECT khala.append_run_event('tap nobody''s', 'run.queued')$$, 'KH006', NULL, 'an owned topic takes no summary of what belongs to nobody'
);
-- Entities below belong to nobody.
UPDATE runtime.sync_topics SET ownership = 'mixed';

-- Projecting again: what is skipped, what is rewritten, what counts as drift.
SELECT khala.append_run_event('tap', 'run.started', '{"title": "t"}');
PREPARE project AS SELECT
    outcome,
    reason,
    watermark IS NOT NULL AS written
FROM khala.project_run('tap');

SELECT results_eq('project', $$VALUES ('skipped', 'unchanged', FALSE)$$, 'same sequence, version and hash: skipped');

UPDATE runtime.projection_checkpoints SET projection_version = projection_version + 1
WHERE projection = 'run_summary' AND entity_id = 'tap';
SELECT results_eq('project', $$VALUES ('rewritten', 'projection_version', TRUE)$$, 'another projection version: rewritten');
SELECT is(
    (
        SELECT (last_seq, drift_count, projection_version)::text FROM runtime.projection_checkpoints
        WHERE projection = 'run_summary' AND entity_id = 'tap'
    ),
    format('(1,0,%s)', khala.projection_version()), 'which is no drift'
);
SELECT results_eq('project', $$VALUES ('skipped', 'unchanged', FALSE)$$, 'and is done once');

UPDATE runtime.projection_checkpoints SET summary_hash = decode(repeat('00', 32), 'hex')
WHERE projection = 'run_summary' AND entity_id = 'tap';
SELECT results_eq('project', $$VALUES ('rewritten', 'drift', TRUE)$$, 'same sequence, other hash: written');
SELECT is(
    (
        SELECT drift_count FROM runtime.projection_checkpoints
        WHERE projection = 'run_summary' AND entity_id = 'tap'
    ),
    1::bigint, 'and counted as drift'
);
SELECT is(
    (
        SELECT summary_hash FROM runtime.projection_checkpoints
        WHERE projection = 'run_summary' AND entity_id = 'tap'
    ),
    (
        SELECT khala.payload_hash(payload - 'projected_at') FROM runtime.sync_documents
        WHERE topic = 'runtime.run_summaries' AND doc_key = 'runtime/run_summary:tap'
    ),
    'the checkpoint''s hash is that of the document without projected_at'
);

UPDATE runtime.projection_checkpoints SET last_seq = 9
WHERE projection = 'run_summary' AND entity_id = 'tap';
SELECT results_eq('project', $$VALUES ('skipped', 'checkpoint_ahead', FALSE)$$, 'checkpoint ahead: skipped');

DELETE FROM runtime.projection_checkpoints
WHERE projection = 'run_summary' AND entity_id = 'tap';
SELECT results_eq('project', $$VALUES ('rewritten', 'new_events', TRUE)$$, 'no checkpoint: written again');
SELECT khala.sink_delete('runtime.run_summaries', 'runtime/run_summary:tap', 5);
DELETE FROM runtime.projection_checkpoints
WHERE projection = 'run_summary' AND entity_id = 'tap';
SELECT results_eq(
    'project', $$VALUES ('skipped', 'read_model_ahead', FALSE)$$, 'a newer document is not overwritten'
);

SELECT throws_ok($$SELECT khala.project_run('tap-none')$$, 'KH007', NULL, 'an unknown run');
SELECT throws_ok($$SELECT khala.project_run(NULL)$$, 'KH007', NULL, 'no run');
SELECT function_privs_are('khala', 'project_run', ARRAY['text'], 'khala_runtime', ARRAY['EXECUTE'], 'the runtime may project');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
