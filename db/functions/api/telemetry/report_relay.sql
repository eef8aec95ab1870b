-- Report of a relay, every ten seconds. Writers pay nothing for the statistics: the first report of an interval samples
-- the heads of all topics, and the difference to the last sample is what was written. It also deletes what is older
-- than an hour, so the tables have at most 1000 relays, and 201 rows for each of 360 intervals.

CREATE OR REPLACE FUNCTION khala.report_relay(
    p_relay text,
    p_version text,
    p_uptime_s double precision,
    p_connections integer,
    p_subscribers jsonb,
    p_behind integer,
    p_sent_bytes bigint,
    p_lag jsonb,
    p_stops boolean DEFAULT FALSE
)
RETURNS double precision
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    v_at timestamptz := khala_internal.activity_interval(v_now);
    v_sent_before bigint;
    v_last timestamptz;
    v_is_first boolean;
BEGIN
    IF coalesce(length(p_relay) NOT BETWEEN 1 AND 200 OR length(p_version) NOT BETWEEN 1 AND 100, TRUE) THEN
        RAISE EXCEPTION 'p_relay is % and p_version is %',
            coalesce(quote_literal(left(p_relay, 200)), 'NULL'), coalesce(quote_literal(left(p_version, 100)), 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use 1 to 200 characters, and 1 to 100.';
    ELSIF jsonb_typeof(p_subscribers) IS DISTINCT FROM 'object' OR jsonb_typeof(p_lag) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'p_subscribers is % and p_lag is %',
            coalesce(jsonb_typeof(p_subscribers), 'NULL'), coalesce(jsonb_typeof(p_lag), 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use objects: {topic: number} and {topic: {upper bound in seconds: number}}.';
    END IF;
    SELECT r.sent_bytes INTO v_sent_before FROM runtime.relay_reports AS r WHERE r.relay = p_relay;
    INSERT INTO runtime.relay_reports AS r (
        relay, version, started_at, reported_at, stopped_at, connections, subscribers, behind, sent_bytes
    )
    VALUES (
        p_relay, p_version, v_now - p_uptime_s * INTERVAL '1 second', v_now, CASE WHEN p_stops THEN v_now END,
        p_connections, p_subscribers, p_behind, p_sent_bytes
    )
    ON CONFLICT (relay) DO UPDATE SET
        version = excluded.version, started_at = excluded.started_at, reported_at = excluded.reported_at,
        stopped_at = excluded.stopped_at, connections = excluded.connections, subscribers = excluded.subscribers,
        behind = excluded.behind, sent_bytes = excluded.sent_bytes;

    -- Whoever comes later waits here for the first of an interval.
    INSERT INTO runtime.activity (at, topic) VALUES (v_at, '') ON CONFLICT DO NOTHING;
    v_is_first := found;
    UPDATE runtime.activity AS a
    SET connections = (SELECT sum(l.connections) FROM khala_internal.live_relays() AS l),
        sent_bytes = a.sent_bytes + greatest(p_sent_bytes - coalesce(v_sent_before, 0), 0),
        lag = khala_internal.add_counts(a.lag, (
            SELECT coalesce(jsonb_object_agg(s.bound, s.number), '{}')
            FROM (
                SELECT b.key AS bound, sum(b.value::bigint) AS number
                FROM jsonb_each(p_lag) AS t CROSS JOIN LATERAL jsonb_each_text(t.value) AS b
                GROUP BY b.key
            ) AS s
        ))
    WHERE a.at = v_at AND a.topic = '';

    IF v_is_first THEN
        SELECT max(a.at) INTO v_last FROM runtime.activity AS a WHERE a.topic = '' AND a.at < v_at;
        WITH moved AS (
            SELECT s.topic, s.head_watermark,
                -- A topic that is new begins above all that had its name.
                s.head_watermark - coalesce(h.head_watermark, r.retention_floor - 1) AS writes
            FROM runtime.sync_topic_sequences AS s
            INNER JOIN runtime.sync_topic_retention AS r ON s.topic = r.topic
            LEFT JOIN runtime.activity_heads AS h ON s.topic = h.topic
            WHERE h.head_watermark IS DISTINCT FROM s.head_watermark
        ),
        sampled AS (
            INSERT INTO runtime.activity_heads AS h (topic, head_watermark)
            SELECT m.topic, m.head_watermark FROM moved AS m
            ON CONFLICT (topic) DO UPDATE SET head_watermark = excluded.head_watermark
        ),
        -- What was written while no relay ran belongs to no interval.
        counted AS (
            SELECT m.topic, m.writes FROM moved AS m
            WHERE m.writes > 0 AND v_last > v_at - INTERVAL '60 seconds'
        ),
        total AS (
            UPDATE runtime.activity AS a SET writes = (SELECT coalesce(sum(c.writes), 0) FROM counted AS c)
            WHERE a.at = v_at AND a.topic = '' AND v_last > v_at - INTERVAL '60 seconds'
        )
        INSERT INTO runtime.activity (at, topic, writes)
        SELECT v_at, c.topic, c.writes FROM counted AS c
        ORDER BY c.writes DESC, c.topic
        LIMIT 200;

        DELETE FROM runtime.activity AS a WHERE a.at <= v_now - INTERVAL '1 hour';
        DELETE FROM runtime.activity_heads AS h
        WHERE NOT EXISTS (SELECT FROM runtime.sync_topic_sequences AS s WHERE s.topic = h.topic);
        DELETE FROM runtime.relay_reports AS r
        WHERE r.reported_at <= v_now - INTERVAL '1 hour'
            OR r.relay IN (SELECT o.relay FROM runtime.relay_reports AS o ORDER BY o.reported_at DESC OFFSET 1000);
    END IF;

    INSERT INTO runtime.activity AS a (at, topic, lag)
    SELECT v_at, g.topic, g.lag
    FROM (
        SELECT t.key AS topic, t.value AS lag, h.topic IS NOT NULL AS has_row,
            row_number() OVER (PARTITION BY h.topic IS NULL ORDER BY t.key) AS place
        FROM jsonb_each(p_lag) AS t
        INNER JOIN runtime.sync_topics AS k ON t.key = k.topic
        LEFT JOIN runtime.activity AS h ON h.at = v_at AND t.key = h.topic
    ) AS g
    WHERE g.has_row OR g.place <= 201 - (SELECT count(*) FROM runtime.activity AS n WHERE n.at = v_at)
    ON CONFLICT (at, topic) DO UPDATE SET lag = khala_internal.add_counts(a.lag, excluded.lag);

    -- Somewhere within the next interval, each relay at a moment of its own.
    RETURN extract(EPOCH FROM v_at - v_now) + 12 + abs(hashtext(p_relay)::bigint) % 6000 / 1000.0;
END
$$;

COMMENT ON FUNCTION khala.report_relay(text, text, double precision, integer, jsonb, integer, bigint, jsonb, boolean) IS
'Report of a relay. Arguments: its name, another one for each process; its version; seconds since it started; sockets; subscriptions by topic; subscriptions that are not on the live feed; bytes of updates since it started; delivery lags since the report before, by topic and upper bound in seconds; whether it stops now. Result: seconds until its next report. Errors: KH007.';
REVOKE ALL ON FUNCTION khala.report_relay(text, text, double precision, integer, jsonb, integer, bigint, jsonb, boolean) FROM public;
GRANT EXECUTE ON FUNCTION khala.report_relay(text, text, double precision, integer, jsonb, integer, bigint, jsonb, boolean) TO khala_relay;
