BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(25);

-- Runs below belong to nobody.
UPDATE runtime.sync_topics SET ownership = 'mixed';
SELECT function_privs_are('khala', 'archive_runs', ARRAY['timestamptz', 'text', 'integer', 'boolean'], 'khala_dba', ARRAY['EXECUTE'], 'an administrator may');
SELECT function_privs_are('khala', 'archive_runs', ARRAY['timestamptz', 'text', 'integer', 'boolean'], 'khala_runtime', '{}', 'a runtime may not');

DO $$ BEGIN
    PERFORM khala.append_run_event('tap-a', 'run.started', p_seq => 1, p_org_id => 'acme');
    PERFORM khala.append_run_event('tap-a', 'run.finished', '{"exit_code": 0}', p_seq => 2);
    PERFORM khala.append_run_event('tap-b', 'run.started', '{"heartbeat_s": 0}', p_seq => 1);
    PERFORM khala.append_run_event('tap-c', 'run.failed', p_seq => 1);
    PERFORM khala.append_run_event('tap-c', 'run.resumed', p_seq => 2);
    PERFORM khala.append_run_event('tap-d', 'run.progress', p_seq => 1);
    PERFORM khala.append_codex_worker_event('tap-a', 'worker.finished', p_seq => 1);
END $$;
CREATE FUNCTION pg_temp.archived(p_before text, p_after text DEFAULT NULL, p_limit integer DEFAULT 100, p_dry_run boolean DEFAULT FALSE)
RETURNS text LANGUAGE sql AS $$
SELECT concat_ws(' ', a.runs, a.events, a.last_id) FROM khala.archive_runs(p_before::timestamptz, p_after, p_limit, p_dry_run) AS a
$$;
SELECT is(pg_temp.archived('2000-01-01'), '0 0 tap-d', 'none is so old');
SELECT is(pg_temp.archived('infinity', p_dry_run => TRUE), '1 2 tap-d', 'one would be');
SELECT is(pg_temp.archived('infinity', p_dry_run => NULL), '1 2 tap-d', 'nor if that is not known');
SELECT is((SELECT count(*)::integer FROM runtime.archived_runs), 0, 'and is not');
SELECT is(pg_temp.archived('infinity', p_limit => 1), '1 2 tap-a', 'a page');
SELECT is(pg_temp.archived('infinity', 'tap-a', 2), '0 0 tap-c', 'the next one');
SELECT is(pg_temp.archived('infinity', 'tap-c', 2), '0 0 tap-d', 'and the last');
SELECT is(pg_temp.archived('infinity', 'tap-d', 2), '0 0', 'after which there is none');
SELECT results_eq(
    $$SELECT a.id, a.org_id, a.latest_seq, a.summary ->> 'status' FROM runtime.archived_runs AS a$$,
    $$VALUES ('tap-a', 'acme', 2::bigint, 'succeeded')$$, 'the run is in the archive'
);
SELECT results_eq(
    $$SELECT a.run_id, a.seq, a.event_type FROM runtime.archived_run_events AS a ORDER BY a.seq$$,
    $$VALUES ('tap-a', 1::bigint, 'run.started'), ('tap-a', 2, 'run.finished')$$, 'with its events'
);
SELECT is_empty($$SELECT FROM runtime.runs AS r WHERE r.id = 'tap-a'$$, 'and no longer a run');
SELECT is_empty($$SELECT FROM runtime.run_events AS r WHERE r.id = 'tap-a'$$, 'with a history');
SELECT is_empty(
    $$SELECT FROM runtime.projection_checkpoints AS c WHERE c.projection = 'run_summary' AND c.entity_id = 'tap-a'$$, 'or a checkpoint'
);
SELECT results_eq(
    $$SELECT d.deleted, d.org_id, d.doc_version FROM runtime.sync_documents AS d WHERE d.doc_key = 'runtime/run_summary:tap-a'$$,
    $$VALUES (TRUE, 'acme', 3::bigint)$$, 'its document is a tombstone of the same owner'
);
SELECT is((SELECT count(*)::integer FROM runtime.codex_workers AS w WHERE w.id = 'tap-a'), 1, 'a worker of this name stays');
SELECT throws_ok($$SELECT khala.append_run_event('tap-a', 'run.started', p_seq => 1)$$, 'KH009', 'run ''tap-a'' was archived', 'its id is not used again');
SELECT throws_ok($$SELECT khala.append_run_event('tap-a', 'run.progress')$$, 'KH009', 'run ''tap-a'' was archived', 'by no late event');
SELECT throws_ok(
    $$SELECT khala.ingest_events('[{"entity": "run", "id": "tap-a", "seq": 3, "type": "x"}]')$$, 'KH009', 'run ''tap-a'' was archived', 'nor by many'
);
SELECT throws_ok($$SELECT khala.append_run_event('tap-a', 'run.progress', p_seq => 3)$$, 'KH009', NULL, 'nor by a numbered one');
DO $$ BEGIN PERFORM khala.mark_lost_runs('0'); END $$;
SELECT is(pg_temp.archived('infinity'), '1 2 tap-d', 'a lost run has ended');
SELECT throws_ok($$SELECT khala.archive_runs(NULL)$$, 'KH007', NULL, 'no moment');
SELECT throws_ok($$SELECT khala.archive_runs(now(), p_limit => 0)$$, 'KH007', NULL, 'no page');
SELECT throws_ok($$SELECT khala.archive_runs(now(), p_limit => 10001)$$, 'KH007', NULL, 'too large a page');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
