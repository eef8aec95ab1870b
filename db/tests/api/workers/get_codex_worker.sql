BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(8);

SELECT function_privs_are('khala', 'get_codex_worker', ARRAY['text', 'text'], 'khala_relay', ARRAY['EXECUTE'], 'relays may');
UPDATE runtime.sync_topics SET ownership = 'mixed';
SELECT khala.append_codex_worker_event('tap', 'worker.started', '{}', 'tap-org');
SELECT khala.append_codex_worker_event('tap', 'worker.heartbeat');
SELECT khala.append_codex_worker_event('tap-public', 'worker.started');
SELECT is(
    khala.get_codex_worker('tap-org', 'tap') @> '{"worker": {"worker_id": "tap", "heartbeat_state": "fresh", "projection_lag": 0}, "version": 2}',
    TRUE, 'document and version'
);
SELECT throws_ok('SELECT khala.get_codex_worker(' || v.arguments || ')', 'KH023', NULL, 'not theirs: ' || v.arguments)
FROM (VALUES ('''tap-other'', ''tap'''), ('NULL, ''tap'''), ('''tap-org'', ''tap-public'''), ('NULL, ''tap-public'''), ('''tap-org'', NULL')) AS v (arguments);
SELECT khala.sink_delete('runtime.codex_worker_summaries', 'runtime/codex_worker_summary:tap', 3, 'tap-org');
SELECT throws_ok('SELECT khala.get_codex_worker(''tap-org'', ''tap'')', 'KH023', NULL, 'a tombstone is no worker');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
