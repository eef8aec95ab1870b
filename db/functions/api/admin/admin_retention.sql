-- Retention of each topic.

CREATE OR REPLACE FUNCTION khala.admin_retention(p_org_id text, p_scopes text[])
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
BEGIN
    PERFORM khala_internal.admin_organisation(p_org_id, p_scopes, TRUE);
    RETURN json_build_object('topics', (
        SELECT coalesce(
            json_agg(
                json_build_object(
                    'topic', r.topic,
                    'retention_floor', khala_internal.wire_integer(r.retention_floor)::json,
                    'head_watermark', khala_internal.wire_integer(s.head_watermark)::json,
                    'horizon_s', khala_internal.json_seconds(r.retention_horizon),
                    'oldest_at', khala_internal.iso_timestamp(now() - s.oldest_age),
                    'oldest_age_s', khala_internal.json_seconds(s.oldest_age),
                    'overdue_s', khala_internal.json_seconds(r.overdue),
                    'last_purge_at', khala_internal.iso_timestamp(r.last_purge_at),
                    'purges', r.purges,
                    'purged_events', r.purged_events
                )
                ORDER BY r.topic COLLATE "C"
            ),
            '[]'
        )
        FROM khala.topic_stats AS s
        -- By topic: a plain join compared each topic with each.
        INNER JOIN LATERAL (
            SELECT v.* FROM khala.retention_stats AS v
            WHERE v.topic = s.topic
            OFFSET 0
        ) AS r ON TRUE
    ));
END
$$;

COMMENT ON FUNCTION khala.admin_retention(text, text[]) IS
'Retention of each topic, for administrators. Arguments: organisation and scopes of the token. Result: {"topics": [{"topic", "retention_floor", "head_watermark", "horizon_s", "oldest_at", "oldest_age_s", "overdue_s" (negative: not yet; null: the journal is empty), "last_purge_at", "purges", "purged_events"}]}. Errors: KH025.';
REVOKE ALL ON FUNCTION khala.admin_retention(text, text[]) FROM public;
GRANT EXECUTE ON FUNCTION khala.admin_retention(text, text[]) TO khala_relay;
