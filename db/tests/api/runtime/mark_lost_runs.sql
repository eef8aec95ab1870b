BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(23);

-- Entities below belong to nobody.
UPDATE runtime.sync_topics SET ownership = 'mixed';

-- Who may call it, its limits, and a run that comes back.
SELECT function_privs_are('khala', 'mark_lost_runs', ARRAY['interval', 'integer'], 'khala_relay', ARRAY['EXECUTE'], 'relays may');
SELECT function_privs_are('khala', 'mark_lost_runs', ARRAY['interval', 'integer'], 'khala_dba', ARRAY['EXECUTE'], 'a job may');
SELECT function_privs_are('khala', 'mark_lost_runs', ARRAY['interval', 'integer'], 'khala_runtime', '{}', 'a runtime may not');

CREATE FUNCTION pg_temp.summary() RETURNS jsonb LANGUAGE sql AS $$
SELECT d.payload FROM runtime.sync_documents AS d
WHERE d.topic = 'runtime.run_summaries' AND d.doc_key = 'runtime/run_summary:tap' $$;

SELECT khala.append_run_event('tap', 'run.started', '{"heartbeat_s": 0}', p_seq => 1);
SELECT khala.append_run_event('tap', 'run.progress', '{"lines": 2}', p_seq => 2);
SELECT is(khala.mark_lost_runs(), 0, 'two minutes are patience enough');
SELECT is(khala.mark_lost_runs('0'), 1, 'its heartbeats have stopped');
SELECT is(
    pg_temp.summary() @> '{"status": "lost", "finished_at": null, "progress": {"lines": 2}, "latest_event_type": "run.lost"}', TRUE,
    'it is lost, and what is known of it stays'
);
SELECT alike(pg_temp.summary() ->> 'terminal_reason', 'no event since %', 'with the reason');
SELECT is(khala.mark_lost_runs('0'), 0, 'it is marked once');

-- The writer counts its own events.
SELECT results_eq(
    $$SELECT seq, outcome FROM khala.append_run_event('tap', 'run.progress', '{"lines": 2}', p_seq => 2)$$,
    $$VALUES (2::bigint, 'duplicate')$$, 'what it repeats is there'
);
SELECT is(pg_temp.summary() ->> 'status', 'lost', 'and is no sign of life');
SELECT results_eq(
    $$SELECT seq, outcome FROM khala.append_run_event('tap', 'run.progress', '{"lines": 3}', p_seq => 3)$$,
    $$VALUES (3::bigint, 'appended')$$, 'its next event has its next number'
);
SELECT is(
    pg_temp.summary() @> '{"status": "running", "terminal_reason": null, "progress": {"lines": 3}, "latest_seq": 4}', TRUE,
    'it is back at work'
);
SELECT results_eq(
    $$SELECT seq, outcome FROM khala.append_run_event('tap', 'run.progress', '{"lines": 3}', p_seq => 3)$$,
    $$VALUES (3::bigint, 'duplicate')$$, 'that number is taken'
);
SELECT throws_ok(
    $$SELECT khala.append_run_event('tap', 'run.progress', '{"lines": 4}', p_seq => 3)$$, 'KH009', NULL, 'for this content only'
);
SELECT throws_ok($$SELECT khala.append_run_event('tap', 'run.progress', '{}', p_seq => 5)$$, 'KH009', NULL, 'a gap is one');

-- So it does in a file that is loaded later.
SELECT is(khala.mark_lost_runs('0'), 1, 'lost again');
SELECT results_eq(
    $$SELECT * FROM khala.ingest_events('[
        {"entity": "run", "id": "tap", "seq": 3, "type": "run.progress", "payload": {"lines": 3}},
        {"entity": "run", "id": "tap", "seq": 4, "type": "run.progress", "payload": {"lines": 4}},
        {"entity": "run", "id": "tap", "seq": 5, "type": "run.finished", "payload": {"exit_code": 0}}
    ]')$$, 'VALUES (3, 2, 1, 1)', 'the rest of its events'
);
SELECT is(
    pg_temp.summary() @> '{"status": "succeeded", "latest_seq": 7, "event_count": 7}', TRUE, 'how it ended'
);
SELECT is(khala.mark_lost_runs('0'), 0, 'a run that has ended is not lost');

SELECT throws_ok($$SELECT khala.mark_lost_runs('-1 second')$$, 'KH007', NULL, 'a negative silence');
SELECT throws_ok($$SELECT khala.mark_lost_runs(NULL)$$, 'KH007', NULL, 'no silence');
SELECT throws_ok($$SELECT khala.mark_lost_runs('0', 0)$$, 'KH007', NULL, 'no runs');

SELECT khala.append_run_event('tap-2', 'run.started', '{"heartbeat_s": 0}');
SET LOCAL transaction_read_only = on;
SELECT is(khala.mark_lost_runs('0'), 0, 'a session that may not write marks nothing');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
