BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(5);

-- Entities below belong to nobody.
UPDATE runtime.sync_topics SET ownership = 'mixed';

-- A history with two marks: started, heartbeat, lost, heartbeat, lost, heartbeat.
CREATE FUNCTION pg_temp.place(p_seq bigint) RETURNS bigint LANGUAGE sql AS $$
SELECT khala_internal.event_place(e.kind, e.id, p_seq, e.unnumbered_count)
FROM runtime.entities AS e WHERE e.kind = 'run' AND e.id = 'tap' $$;

SELECT khala.append_run_event('tap', 'run.started', '{"heartbeat_s": 0}');
SELECT khala.append_run_event('tap', 'run.heartbeat');
SELECT is(pg_temp.place(2), 2::bigint, 'without a mark it is the number itself');
SELECT khala_internal.mark_lost('run', '0', 10);
SELECT khala.append_run_event('tap', 'run.heartbeat');
SELECT khala_internal.mark_lost('run', '0', 10);
SELECT khala.append_run_event('tap', 'run.heartbeat');
SELECT is(
    (
        SELECT array_agg(v.event_type ORDER BY v.seq) FROM runtime.run_events AS v
        WHERE v.id = 'tap'
    ),
    ARRAY['run.started', 'run.heartbeat', 'run.lost', 'run.heartbeat', 'run.lost', 'run.heartbeat'], 'marks stand in between'
);
SELECT is(
    (SELECT array_agg(pg_temp.place(n) ORDER BY n) FROM generate_series(1, 5) AS g (n)), ARRAY[1, 2, 4, 6, 7]::bigint[],
    'the writer''s events are counted without them, the next one too'
);
SELECT is(khala_internal.event_place('run', 'tap-none', 3, 0), 3::bigint, 'an entity that nobody knows has no marks');
SELECT volatility_is('khala_internal', 'event_place', 'stable', 'it reads the history');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
