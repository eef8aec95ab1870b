BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(9);

-- Entities below belong to nobody.
UPDATE runtime.sync_topics SET ownership = 'mixed';

-- History is append-only, for the owner too, in the parent and in the partitions.
SELECT
    khala.append_run_event('tap', 'x') AS event_1,
    khala.append_codex_worker_event('tap', 'x') AS event_2;
SELECT throws_ok($$UPDATE runtime.entity_events SET seq = 7 WHERE id = 'tap'$$, 'KH009', NULL, 'UPDATE');
SELECT throws_ok($$UPDATE runtime.run_events SET payload = '{"a": 1}' WHERE id = 'tap'$$, 'KH009', NULL, 'of a partition');
SELECT throws_ok($$DELETE FROM runtime.entity_events WHERE id = 'tap'$$, 'KH009', NULL, 'DELETE');
SELECT throws_ok($$DELETE FROM runtime.codex_worker_events WHERE id = 'tap'$$, 'KH009', NULL, 'of a partition');
SELECT throws_ok('TRUNCATE runtime.entity_events', 'KH009', NULL, 'TRUNCATE');
SELECT throws_ok('TRUNCATE runtime.run_events', 'KH009', NULL, 'of the runs'' events');
SELECT throws_ok('TRUNCATE runtime.codex_worker_events', 'KH009', NULL, 'of the workers'' events');

-- Once it is in the archive.
INSERT INTO runtime.archived_runs (id, latest_seq, unnumbered_count, created_at, summary) VALUES ('tap', 1, 0, now(), '{}');
INSERT INTO runtime.archived_run_events
SELECT v.id, v.seq, v.occurred_at, v.recorded_at, v.event_type, '{"other": 1}' FROM runtime.run_events AS v WHERE v.id = 'tap';
SELECT throws_ok($$DELETE FROM runtime.run_events WHERE id = 'tap'$$, 'KH009', NULL, 'DELETE of what is in the archive with other content');
UPDATE runtime.archived_run_events SET payload = '{}' WHERE run_id = 'tap';
SELECT lives_ok($$DELETE FROM runtime.run_events WHERE id = 'tap'$$, 'and as it is in the archive');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
