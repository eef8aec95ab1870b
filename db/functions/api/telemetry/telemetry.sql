-- All values that monitoring reads from the database, in one call whose cost does not grow with the journal. A
-- relay has no privilege on the views, so this function reads them. It is PL/pgSQL because the views are created
-- after the functions. Its numbers are numeric: a double in JSON has the digits of the session's extra_float_digits.

CREATE OR REPLACE FUNCTION khala.telemetry()
RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- Compiling a plan takes longer than a scrape may.
SET jit = off
AS $$
DECLARE
    v_topics jsonb;
    v_drift jsonb;
    v_waits jsonb;
    v_sinks jsonb;
    v_parity jsonb;
    v_publishers jsonb;
BEGIN
    SELECT jsonb_agg(
        jsonb_build_object(
            'topic', t.topic,
            'head_watermark', t.head_watermark,
            'retention_floor', t.retention_floor,
            'rows', t.rows,
            'bytes', t.bytes,
            'oldest_age_s', extract(EPOCH FROM t.oldest_age),
            'writes_per_minute', t.writes_per_minute::numeric,
            'armed', t.armed,
            'staged_writes', t.staged_writes,
            'staged_age_s', extract(EPOCH FROM t.staged_age),
            'retention_horizon_s', extract(EPOCH FROM r.retention_horizon),
            'overdue_s', extract(EPOCH FROM r.overdue),
            'last_purge_at_s', extract(EPOCH FROM r.last_purge_at),
            'purges', r.purges,
            'purged_events', r.purged_events,
            -- Counted up to a bound: a scrape must not read a million of them.
            'set_aside_rows', (
                SELECT (
                    SELECT count(*)
                    FROM (SELECT FROM runtime.attachment_set_aside AS s WHERE s.topic = a.topic LIMIT 10000) AS s
                )
                FROM runtime.attachments AS a WHERE a.topic = t.topic
            )
        )
        ORDER BY t.topic
    )
    INTO v_topics
    FROM khala.topic_stats AS t
    -- By topic: a plain join compared each topic with each.
    INNER JOIN LATERAL (
        SELECT s.* FROM khala.retention_stats AS s
        WHERE s.topic = t.topic
        OFFSET 0
    ) AS r ON TRUE;

    SELECT jsonb_object_agg(p.projection, p.drift)
    INTO v_drift
    FROM khala.projection_stats AS p;

    -- Writers of a topic queue for the lock that khala_internal.allocate_watermark takes. The first of them may wait
    -- for the topic's row; it then holds the row's tuple lock.
    SELECT jsonb_build_object(
        'waiting_writers', count(DISTINCT w.pid),
        'longest_wait_s', coalesce(max(extract(EPOCH FROM clock_timestamp() - w.waitstart)), 0)
    )
    INTO v_waits
    FROM pg_locks AS w
    WHERE NOT w.granted
        AND (
            (
                w.locktype = 'advisory' AND w.objsubid = 1
                AND w.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
                AND (w.classid::bigint << 32 | w.objid::bigint) IN (
                    SELECT khala_internal.topic_lock_key(t.topic) FROM runtime.sync_topics AS t
                )
            )
            OR w.pid IN (
                SELECT q.pid FROM pg_locks AS q
                WHERE q.locktype = 'tuple'
                    AND q.relation = 'runtime.sync_topic_sequences'::regclass
                    AND q.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
            )
        );

    SELECT jsonb_agg(to_jsonb(p) ORDER BY p.publisher, p.topic)
    INTO v_publishers
    FROM khala.publisher_stats AS p;

    -- A standby cannot read unlogged sequences.
    IF NOT pg_is_in_recovery() THEN
        SELECT jsonb_object_agg(s.outcome, s.sinks) INTO v_sinks FROM khala.sink_stats AS s;
    END IF;

    SELECT jsonb_build_object(
        'cycles', coalesce((SELECT jsonb_object_agg(t.outcome, t.cycles) FROM runtime.parity_cycle_totals AS t WHERE t.outcome <> 'started'), '{}'),
        'documents', coalesce((SELECT jsonb_agg(to_jsonb(s) ORDER BY s.topic, s.reason) FROM khala.parity_stats AS s), '[]'),
        'mismatch_rate', w.mismatch_rate,
        'max_drift', w.max_drift,
        'p95_drift', w.p95_drift,
        'last_cycle_age_s', extract(EPOCH FROM w.last_cycle_age)
    )
    INTO v_parity
    FROM khala.parity_window() AS w;

    RETURN v_waits || jsonb_build_object(
        'topics', coalesce(v_topics, '[]'),
        'sinks', coalesce(v_sinks, '{}'),
        'drift', coalesce(v_drift, '{}'),
        'parity', v_parity,
        'publishers', coalesce(v_publishers, '[]'),
        'listeners', (
            SELECT count(*) FROM pg_stat_activity AS a
            WHERE a.datname = current_database() AND a.application_name = 'khala relay listener'
        ),
        'notification_queue_usage', pg_notification_queue_usage()::numeric
    );
END
$$;

COMMENT ON FUNCTION khala.telemetry() IS
'Values for monitoring. Arguments: none. Result: {topics: khala.topic_stats and khala.retention_stats, durations in seconds, and set_aside_rows: number of rows of the attached table that cannot be documents, at most 10000, null without a table; sinks: {outcome: count} of khala.sink_stats, empty on a standby; drift: {projection: count} of khala.projection_stats; publishers: khala.publisher_stats; parity: {cycles: {outcome: count}, documents of khala.parity_stats, and mismatch_rate, max_drift, p95_drift, last_cycle_age_s of khala.parity_window() over one hour}; waiting_writers, longest_wait_s: writers that wait for a topic''s row now; listeners: connected relays; notification_queue_usage: 0 to 1}. Errors: none.';
REVOKE ALL ON FUNCTION khala.telemetry() FROM public;
GRANT EXECUTE ON FUNCTION khala.telemetry() TO khala_relay, khala_dba;
