BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(9);

-- One summary dropped and built again, whatever stands in its way.
SELECT khala.append_run_event('tap', 'run.started', '{"title": "t"}', 'tap-org');
UPDATE runtime.projection_checkpoints SET last_seq = 99, drift_count = 7
WHERE projection = 'run_summary' AND entity_id = 'tap';
UPDATE runtime.sync_documents SET doc_version = 99, payload = '{"wrong": true}'
WHERE topic = 'runtime.run_summaries' AND doc_key = 'runtime/run_summary:tap';
CREATE TEMP TABLE rebuilt AS SELECT r.watermark, r.outcome FROM khala.rebuild_projection('run', 'tap') AS r;
SELECT is(
    (SELECT (watermark, outcome)::text FROM rebuilt),
    (
        SELECT format('(%s,rewritten)', head_watermark) FROM runtime.sync_topic_sequences
        WHERE topic = 'runtime.run_summaries'
    ),
    'is written anew'
);
SELECT is(
    (
        SELECT (doc_version, org_id, payload ->> 'title')::text FROM runtime.sync_documents
        WHERE topic = 'runtime.run_summaries' AND doc_key = 'runtime/run_summary:tap'
    ),
    '(99,tap-org,t)', 'from history alone, but never below the version that clients have'
);
SELECT is(
    (
        SELECT (last_seq, drift_count)::text FROM runtime.projection_checkpoints
        WHERE projection = 'run_summary' AND entity_id = 'tap'
    ),
    '(1,0)', 'with a new checkpoint'
);
SELECT is(
    (SELECT outcome FROM khala.append_run_event('tap', 'run.progress')), 'appended', 'history goes on'
);
SELECT is(
    (
        SELECT doc_version FROM runtime.sync_documents
        WHERE topic = 'runtime.run_summaries' AND doc_key = 'runtime/run_summary:tap'
    ), 100::bigint, 'and so do the versions'
);

-- Somebody wrote the summary past the projector, for another owner: that owner has to lose it.
SELECT khala.sink('runtime.run_summaries', 'runtime/run_summary:tap', 200, '{}', 'tap-thief');
SELECT khala.rebuild_projection('run', 'tap');
SELECT is(
    (
        SELECT (doc_version, org_id, owner_changed, previous_org_id)::text FROM runtime.sync_stream_events
        WHERE topic = 'runtime.run_summaries' AND doc_key = 'runtime/run_summary:tap'
        ORDER BY watermark DESC LIMIT 1
    ), '(200,tap-org,t,tap-thief)', 'a rebuilt document leaves whoever should not have it'
);
SELECT throws_ok($$SELECT khala.rebuild_projection('run', 'tap-none')$$, 'KH007', NULL, 'an unknown run');
SELECT throws_ok($$SELECT khala.rebuild_projection('job', 'tap')$$, 'KH007', NULL, 'an unknown kind');
SELECT throws_ok($$SELECT khala.rebuild_projection(NULL, NULL)$$, 'KH007', NULL, 'nothing named');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
