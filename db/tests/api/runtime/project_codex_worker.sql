BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(13);

-- Entities below belong to nobody.
UPDATE runtime.sync_topics SET ownership = 'mixed';

-- Projecting again: what is skipped, what is rewritten, what counts as drift.
SELECT khala.append_codex_worker_event('tap', 'worker.started', '{"title": "t"}');
PREPARE project AS SELECT
    outcome,
    reason,
    watermark IS NOT NULL AS written
FROM khala.project_codex_worker('tap');

SELECT results_eq('project', $$VALUES ('skipped', 'unchanged', FALSE)$$, 'same sequence, version and hash: skipped');

UPDATE runtime.projection_checkpoints SET projection_version = projection_version + 1
WHERE projection = 'codex_worker_summary' AND entity_id = 'tap';
SELECT results_eq('project', $$VALUES ('rewritten', 'projection_version', TRUE)$$, 'another projection version: rewritten');
SELECT is(
    (
        SELECT (last_seq, drift_count, projection_version)::text FROM runtime.projection_checkpoints
        WHERE projection = 'codex_worker_summary' AND entity_id = 'tap'
    ),
    format('(1,0,%s)', khala.projection_version()), 'which is no drift'
);
SELECT results_eq('project', $$VALUES ('skipped', 'unchanged', FALSE)$$, 'and is done once');

UPDATE runtime.projection_checkpoints SET summary_hash = decode(repeat('00', 32), 'hex')
WHERE projection = 'codex_worker_summary' AND entity_id = 'tap';
SELECT results_eq('project', $$VALUES ('rewritten', 'drift', TRUE)$$, 'same sequence, other hash: written');
SELECT is(
    (
        SELECT drift_count FROM runtime.projection_checkpoints
        WHERE projection = 'codex_worker_summary' AND entity_id = 'tap'
    ),
    1::bigint, 'and counted as drift'
);
SELECT is(
    (
        SELECT summary_hash FROM runtime.projection_checkpoints
        WHERE projection = 'codex_worker_summary' AND entity_id = 'tap'
    ),
    (
        SELECT khala.payload_hash(payload - 'projected_at') FROM runtime.sync_documents
        WHERE topic = 'runtime.codex_worker_summaries' AND doc_key = 'runtime/codex_worker_summary:tap'
    ),
    'the checkpoint''s hash is that of the document without projected_at'
);

UPDATE runtime.projection_checkpoints SET last_seq = 9
WHERE projection = 'codex_worker_summary' AND entity_id = 'tap';
SELECT results_eq('project', $$VALUES ('skipped', 'checkpoint_ahead', FALSE)$$, 'checkpoint ahead: skipped');

DELETE FROM runtime.projection_checkpoints
WHERE projection = 'codex_worker_summary' AND entity_id = 'tap';
SELECT results_eq('project', $$VALUES ('rewritten', 'new_events', TRUE)$$, 'no checkpoint: written again');
SELECT khala.sink_delete('runtime.codex_worker_summaries', 'runtime/codex_worker_summary:tap', 5);
DELETE FROM runtime.projection_checkpoints
WHERE projection = 'codex_worker_summary' AND entity_id = 'tap';
SELECT results_eq(
    'project', $$VALUES ('skipped', 'read_model_ahead', FALSE)$$, 'a newer document is not overwritten'
);

SELECT throws_ok($$SELECT khala.project_codex_worker('tap-none')$$, 'KH007', NULL, 'an unknown worker');
SELECT throws_ok($$SELECT khala.project_codex_worker(NULL)$$, 'KH007', NULL, 'no worker');
SELECT function_privs_are('khala', 'project_codex_worker', ARRAY['text'], 'khala_runtime', ARRAY['EXECUTE'], 'the runtime may project');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
