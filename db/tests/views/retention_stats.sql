BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(9);

SELECT columns_are(
    'khala', 'retention_stats',
    ARRAY['topic', 'retention_floor', 'retention_horizon', 'last_purge_at', 'purges', 'purged_events', 'overdue'], 'what it tells'
);
SELECT is(
    (SELECT count(s.topic) FROM khala.retention_stats AS s), (SELECT count(t.topic) FROM runtime.sync_topics AS t), 'a row for each topic, and no more'
);

DO $$ BEGIN PERFORM khala.register_topic('pgtap.retention', p_retention_horizon => '1 hour', p_ownership => 'mixed'); END $$;
SELECT results_eq(
    $$SELECT s.retention_floor, s.retention_horizon, s.last_purge_at, s.purges, s.purged_events, s.overdue
      FROM khala.retention_stats AS s WHERE s.topic = 'pgtap.retention'$$,
    $$VALUES (1::bigint, '1 hour'::interval, NULL::timestamptz, 0::bigint, 0::bigint, NULL::interval)$$, 'a new topic'
);

DO $$
BEGIN
    FOR v_place IN 1 .. 10 LOOP
        PERFORM khala.sink('pgtap.retention', 'k' || v_place, 1, '{}');
    END LOOP;
    UPDATE runtime.sync_stream_events SET inserted_at = now() - (10 - watermark) * '10 minutes'::interval
    WHERE topic = 'pgtap.retention';
END
$$;
CREATE TEMP VIEW mine AS
SELECT s.retention_floor, s.last_purge_at, s.purges, s.purged_events, s.overdue
FROM khala.retention_stats AS s WHERE s.topic = 'pgtap.retention';
SELECT is((SELECT m.overdue FROM mine AS m), '30 minutes'::interval, 'how long the oldest row should have been gone');
DO $$ BEGIN PERFORM khala.retain('pgtap.retention'); END $$;
SELECT results_eq(
    'SELECT m.retention_floor, m.purges, m.purged_events, m.last_purge_at >= now() FROM mine AS m',
    'VALUES (4::bigint, 1::bigint, 3::bigint, TRUE)', 'what a purge did'
);
SELECT is((SELECT m.overdue FROM mine AS m), '0'::interval, 'nothing is overdue then');
DO $$ BEGIN PERFORM khala.retain('pgtap.retention', now() + '1 day', '0'); END $$;
SELECT results_eq(
    'SELECT m.retention_floor, m.purges, m.purged_events, m.overdue FROM mine AS m',
    'VALUES (11::bigint, 2::bigint, 10::bigint, NULL::interval)', 'an emptied topic'
);

SELECT is(has_table_privilege('khala_dba', 'khala.retention_stats', 'SELECT'), TRUE, 'administrators read it');
SELECT is(
    has_table_privilege('khala_relay', 'khala.retention_stats', 'SELECT') OR has_table_privilege('khala_runtime', 'khala.retention_stats', 'SELECT'),
    FALSE, 'relays and runtimes do not'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
