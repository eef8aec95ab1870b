-- Writes and deliveries of the last hour, for charts. They come from a table that relays report to, not from /metrics:
-- a page cannot reach every relay, a relay knows nothing of before it started, and the figures of all of them belong
-- into one chart.

CREATE OR REPLACE FUNCTION khala.admin_activity(p_org_id text, p_scopes text[], p_topic text DEFAULT NULL)
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_now timestamptz := now();
BEGIN
    PERFORM khala_internal.admin_organisation(p_org_id, p_scopes, TRUE);
    IF p_topic IS NOT NULL AND NOT EXISTS (SELECT FROM runtime.sync_topics AS t WHERE t.topic = p_topic) THEN
        PERFORM khala_internal.refuse_topic(p_topic);
    END IF;
    RETURN json_build_object('interval_s', 10, 'to', khala_internal.iso_timestamp(v_now), 'points', (
        SELECT coalesce(
            json_agg(
                json_build_object(
                    'at', khala_internal.iso_timestamp(a.at),
                    -- A topic without writes in an interval has no row of its own in it.
                    'writes', CASE WHEN a.writes IS NOT NULL THEN coalesce(own.writes, 0) END,
                    'connections', CASE WHEN p_topic IS NULL THEN a.connections END,
                    'sent_bytes', CASE WHEN p_topic IS NULL THEN a.sent_bytes END,
                    'delivery_lag_p50_s', khala_internal.lag_quantile(own.lag, 0.5),
                    'delivery_lag_p99_s', khala_internal.lag_quantile(own.lag, 0.99)
                )
                ORDER BY a.at
            ),
            '[]'
        )
        FROM runtime.activity AS a
        LEFT JOIN runtime.activity AS own ON a.at = own.at AND own.topic = coalesce(p_topic, '')
        WHERE a.topic = '' AND a.at > v_now - INTERVAL '1 hour'
    ));
END
$$;

COMMENT ON FUNCTION khala.admin_activity(text, text[], text) IS
'Writes and deliveries of the last hour, for administrators. Arguments: organisation and scopes of the token; topic, null for all together. Result: {"interval_s": 10, "to": the time of now, "points": [{"at", "writes", "connections", "sent_bytes", "delivery_lag_p50_s", "delivery_lag_p99_s"}]}, a point for each interval in which a relay reported, with the writes and bytes of that interval; null where nothing is known; connections and sent_bytes are null for one topic. Errors: KH001, KH025.';
REVOKE ALL ON FUNCTION khala.admin_activity(text, text[], text) FROM public;
GRANT EXECUTE ON FUNCTION khala.admin_activity(text, text[], text) TO khala_relay;
