BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(12);

-- Entities below belong to nobody.
UPDATE runtime.sync_topics SET ownership = 'mixed';

-- Which entities are marked, and what it leaves; khala.mark_lost_runs tests the rest.
CREATE FUNCTION pg_temp.status(p_id text) RETURNS text LANGUAGE sql AS $$
SELECT d.payload ->> 'status' FROM runtime.sync_documents AS d
WHERE d.topic = 'runtime.run_summaries' AND d.doc_key = 'runtime/run_summary:' || p_id $$;

SELECT khala.append_run_event('tap-announced', 'run.started', '{"heartbeat_s": 0.001}');
SELECT khala.append_run_event('tap-often', 'run.started', '{"heartbeat_s": -1e300}');
SELECT khala.append_run_event('tap-seldom', 'run.started', '{"heartbeat_s": 1e300}');
SELECT khala.append_run_event('tap-sent', 'run.started');
SELECT khala.append_run_event('tap-sent', 'run.heartbeat');
SELECT khala.append_run_event('tap-again', 'run.started');
SELECT khala.append_run_event('tap-again', 'run.heartbeat');
SELECT khala.append_run_event('tap-again', 'run.started');
SELECT khala.append_run_event('tap-silent', 'run.started', '{"heartbeat_s": "soon"}');
SELECT khala.append_run_event('tap-paused', 'run.started', '{"heartbeat_s": 0}');
SELECT khala.append_run_event('tap-paused', 'run.paused');
SELECT khala.append_run_event('tap-ended', 'run.started', '{"heartbeat_s": 0}');
SELECT khala.append_run_event('tap-ended', 'run.finished', '{"exit_code": 0}');
SELECT pg_sleep(0.004);

SELECT is(khala_internal.mark_lost('run', '1 hour', 10), 0, 'nobody has been silent for an hour');
SELECT is(khala_internal.mark_lost('run', '0', 2), 2, 'no more than asked for');
SELECT is(khala_internal.mark_lost('run', '0', 10), 1, 'the rest');
SELECT is(khala_internal.mark_lost('run', '0', 10), 0, 'and each once');
SELECT is(
    (SELECT array_agg(v.id ORDER BY v.id) FROM runtime.run_events AS v WHERE v.event_type = 'run.lost'),
    ARRAY['tap-announced', 'tap-often', 'tap-sent'], 'those at work that announced heartbeats or sent them since they started'
);
SELECT is(pg_temp.status('tap-announced'), 'lost', 'a summary says so');
SELECT is(pg_temp.status('tap-paused'), 'paused', 'nobody works on a run that is paused');
SELECT is(
    (
        SELECT (e.latest_seq, e.unnumbered_count, d.doc_version, c.last_seq, c.heartbeat_s)::text
        FROM runtime.runs AS e
        INNER JOIN runtime.sync_documents AS d
            ON d.topic = 'runtime.run_summaries' AND d.doc_key = 'runtime/run_summary:' || e.id
        INNER JOIN runtime.projection_checkpoints AS c ON c.projection = 'run_summary' AND e.id = c.entity_id
        WHERE e.id = 'tap-announced'
    ), '(2,1,2,2,)', 'the mark is an event like any other'
);
SELECT is(
    (SELECT v.payload ->> 'reason' FROM runtime.run_events AS v WHERE v.id = 'tap-sent' AND v.seq = 3),
    (
        SELECT 'no event since ' || khala_internal.iso_timestamp(v.recorded_at) FROM runtime.run_events AS v
        WHERE v.id = 'tap-sent' AND v.seq = 2
    ), 'it says since when'
);

-- A server that was down was no place to send a heartbeat to.
INSERT INTO runtime.entities (kind, id, latest_seq) VALUES ('run', 'tap-before', 1);
INSERT INTO runtime.entity_events (kind, id, seq, occurred_at, recorded_at, event_type, payload)
VALUES ('run', 'tap-before', 1, '2020-01-01T00:00:00Z', '2020-01-01T00:00:00Z', 'run.started', '{"heartbeat_s": 1}');
SELECT khala.project_run('tap-before');
SELECT is(
    khala_internal.mark_lost('run', clock_timestamp() - pg_postmaster_start_time() + '1 hour', 10), 0,
    'silence before the server started does not count'
);

-- What is rebuilt from the history is the same.
CREATE TEMP TABLE before AS
SELECT d.doc_key, d.doc_version, d.payload - 'projected_at' AS payload FROM runtime.sync_documents AS d
WHERE d.topic = 'runtime.run_summaries';
SELECT khala.rebuild_projection('run', id) FROM runtime.runs;
SELECT set_eq(
    $$SELECT d.doc_key, d.doc_version, d.payload - 'projected_at' FROM runtime.sync_documents AS d
      WHERE d.topic = 'runtime.run_summaries'$$,
    'SELECT doc_key, doc_version, payload FROM before', 'summaries rebuilt'
);
SELECT is(
    (SELECT count(*) FROM runtime.projection_checkpoints AS c WHERE c.projection = 'run_summary' AND c.heartbeat_s IS NOT NULL),
    2::bigint, 'and what is expected of their writers'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
