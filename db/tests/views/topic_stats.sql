BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(20);

SELECT columns_are(
    'khala', 'topic_stats',
    ARRAY['topic', 'head_watermark', 'retention_floor', 'oldest_age', 'rows', 'bytes', 'writes_per_minute', 'armed', 'writes', 'staged_writes', 'staged_age'], 'what it tells'
);
SELECT is(
    (SELECT count(s.topic) FROM khala.topic_stats AS s), (SELECT count(t.topic) FROM runtime.sync_topics AS t), 'a row for each topic, and no more'
);

DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.stats', p_payload_mode => 'pointer', p_ownership => 'mixed');
    PERFORM khala.register_topic('pgtap.stats_busy', p_ownership => 'mixed');
END
$$;
SELECT results_eq(
    $$SELECT s.head_watermark, s.retention_floor, s.oldest_age, s.rows, s.bytes, s.writes_per_minute, s.armed
      FROM khala.topic_stats AS s WHERE s.topic = 'pgtap.stats'$$,
    'VALUES (0::bigint, 1::bigint, NULL::interval, 0::bigint, 0::bigint, 0::double precision, FALSE)', 'a new topic'
);

DO $$
BEGIN
    FOR v_place IN 1 .. 10 LOOP
        PERFORM khala.sink('pgtap.stats', 'k' || v_place, 1, jsonb_build_object('x', repeat('x', 92)));
    END LOOP;
    UPDATE runtime.sync_stream_events SET inserted_at = now() - (10 - watermark) * '20 seconds'::interval
    WHERE topic = 'pgtap.stats';
END
$$;
CREATE TEMP VIEW mine AS
SELECT s.head_watermark, s.retention_floor, s.oldest_age, s.rows, s.bytes, s.writes_per_minute, s.armed
FROM khala.topic_stats AS s WHERE s.topic = 'pgtap.stats';
SELECT is((SELECT m.head_watermark FROM mine AS m), 10::bigint, 'the head');
SELECT is((SELECT m.rows FROM mine AS m), 10::bigint, 'rows in the journal');
SELECT is((SELECT m.bytes FROM mine AS m), 1000::bigint, 'bytes of their payloads, whether carried or not');
SELECT is((SELECT m.oldest_age FROM mine AS m), '3 minutes'::interval, 'age of the oldest');
SELECT is((SELECT m.writes_per_minute FROM mine AS m), 3::double precision, 'writes of the last minute');
DO $$ BEGIN PERFORM khala.arm('pgtap.stats', 10); END $$;
SELECT is((SELECT m.armed FROM mine AS m), TRUE, 'a relay sleeps');

DO $$
BEGIN
    PERFORM khala.set_topic_writes('pgtap.stats', 'grouped');
    PERFORM khala.sink('pgtap.stats', 'k1', n, '{}') FROM generate_series(2, 4) AS n;
    UPDATE runtime.sync_staged_writes AS s SET staged_at = now() - s.position * '1 second'::interval WHERE s.topic = 'pgtap.stats';
END
$$;
SELECT results_eq(
    $$SELECT s.writes, s.staged_writes, s.staged_age FROM khala.topic_stats AS s WHERE s.topic = 'pgtap.stats'$$,
    $$VALUES ('grouped', 3::bigint, '3 seconds'::interval)$$, 'what is staged'
);
DO $$
BEGIN
    DELETE FROM runtime.sync_staged_writes AS s WHERE s.topic = 'pgtap.stats';
    PERFORM khala.set_topic_writes('pgtap.stats', 'direct');
END
$$;
SELECT results_eq(
    $$SELECT s.writes, s.staged_writes, s.staged_age FROM khala.topic_stats AS s WHERE s.topic = 'pgtap.stats'$$,
    $$VALUES ('direct', 0::bigint, NULL::interval)$$, 'and that nothing is'
);

DO $$ BEGIN PERFORM khala.retain('pgtap.stats', now(), '1 minute'); END $$;
SELECT results_eq(
    'SELECT m.retention_floor, m.rows, m.bytes, m.oldest_age FROM mine AS m',
    $$VALUES (7::bigint, 4::bigint, 400::bigint, '1 minute'::interval)$$, 'after a purge'
);
DO $$ BEGIN PERFORM khala.retain('pgtap.stats', now() + '1 day', '0'); END $$;
SELECT results_eq(
    'SELECT m.head_watermark, m.retention_floor, m.rows, m.bytes, m.oldest_age FROM mine AS m',
    'VALUES (10::bigint, 11::bigint, 0::bigint, 0::bigint, NULL::interval)', 'an emptied topic'
);

-- More than a thousand writes in the last minute: the rate comes from the last thousand.
DO $$
BEGIN
    PERFORM khala.sink_batch(
        'pgtap.stats_busy',
        (SELECT jsonb_agg(jsonb_build_object('doc_key', 'k' || i, 'doc_version', 1, 'payload', '{}'::jsonb)) FROM generate_series(1, 3000) AS i)
    );
    UPDATE runtime.sync_stream_events SET inserted_at = now() - (3000 - watermark) * '10 milliseconds'::interval
    WHERE topic = 'pgtap.stats_busy';
END
$$;
SELECT is(round(s.writes_per_minute::numeric / 100), 60::numeric, 'a hundred a second, as it is measured')
FROM khala.topic_stats AS s WHERE s.topic = 'pgtap.stats_busy';
SELECT is(s.rows, 3000::bigint, 'rows of a busy topic') FROM khala.topic_stats AS s WHERE s.topic = 'pgtap.stats_busy';
SELECT is(s.bytes, 6000::bigint, 'and bytes, from a sample') FROM khala.topic_stats AS s WHERE s.topic = 'pgtap.stats_busy';
UPDATE runtime.sync_stream_events SET inserted_at = now() WHERE topic = 'pgtap.stats_busy';
SELECT cmp_ok(s.writes_per_minute, '>', 1000::double precision, 'all at one moment: no division by nought')
FROM khala.topic_stats AS s WHERE s.topic = 'pgtap.stats_busy';

SELECT is(has_table_privilege('khala_dba', 'khala.topic_stats', 'SELECT'), TRUE, 'administrators read it');
SELECT is(
    has_table_privilege('khala_relay', 'khala.topic_stats', 'SELECT') OR has_table_privilege('khala_runtime', 'khala.topic_stats', 'SELECT'),
    FALSE, 'relays and runtimes do not'
);

-- A journal as long as the planner believes. It takes the number of pages from the file, and so that of rows
-- from how many it was told a page has.
DO $$
BEGIN
    IF current_setting('is_superuser')::boolean THEN
        UPDATE pg_class SET relpages = 1, reltuples = 10000000 WHERE oid = 'runtime.sync_stream_events'::regclass;
    END IF;
END
$$;
CREATE FUNCTION pg_temp.plan_of(p_query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE 'EXPLAIN ' || p_query;
END
$$;
SELECT CASE WHEN NOT current_setting('is_superuser')::boolean
    THEN skip('only a superuser may tell the planner how long the journal is', 1)
    ELSE is_empty(
    $$SELECT p.line
      FROM pg_temp.plan_of('SELECT * FROM khala.topic_stats INNER JOIN khala.retention_stats USING (topic)') AS p (line)
      WHERE p.line LIKE '%Seq Scan on sync_stream_events%' OR p.line LIKE '%Bitmap%sync_stream_events%'$$,
    'a journal of millions of rows is neither read nor mapped'
) END;

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
