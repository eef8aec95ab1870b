-- Topics for administrators. Documents are counted up to a bound, so that a page that asks again and again costs the
-- same whatever there is.

CREATE OR REPLACE FUNCTION khala.admin_topics(p_org_id text, p_scopes text[])
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- Compiling a plan takes longer than running it; and no statistics make another plan better than the indexes.
SET jit = off
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
DECLARE
    v_org_id text := khala_internal.admin_organisation(p_org_id, p_scopes);
    v_most bigint := (SELECT greatest(1000, 200000 / greatest(count(*), 1)) FROM runtime.sync_topics);
    v_subscribers jsonb := (
        SELECT coalesce(jsonb_object_agg(n.topic, n.subscribers), '{}')
        FROM (
            SELECT s.key AS topic, sum(s.value::bigint) AS subscribers
            FROM khala_internal.live_relays() AS r
            CROSS JOIN LATERAL jsonb_each_text(r.subscribers) AS s
            GROUP BY s.key
        ) AS n
    );
BEGIN
    RETURN json_build_object('topics', (
        SELECT coalesce(
            json_agg(
                json_build_object(
                    'topic', t.topic,
                    'ownership', t.ownership,
                    'payload_mode', t.payload_mode,
                    'writes', t.writes,
                    'head_watermark', khala_internal.wire_integer(s.head_watermark)::json,
                    'retention_floor', khala_internal.wire_integer(s.retention_floor)::json,
                    'documents', least(n.documents, v_most),
                    'documents_at_least', n.documents > v_most,
                    'journal_rows', s.rows,
                    'journal_bytes', CASE WHEN v_org_id IS NULL THEN s.bytes END,
                    'writes_per_minute', CASE WHEN v_org_id IS NULL THEN round(s.writes_per_minute::numeric, 1) END,
                    'oldest_age_s', khala_internal.json_seconds(s.oldest_age),
                    'horizon_s', khala_internal.json_seconds(t.retention_horizon),
                    'subscribers', CASE WHEN v_org_id IS NULL THEN coalesce((v_subscribers ->> t.topic)::bigint, 0) END
                )
                ORDER BY t.topic COLLATE "C"
            ),
            '[]'
        )
        FROM runtime.sync_topics AS t
        INNER JOIN khala.topic_stats AS s ON t.topic = s.topic
        CROSS JOIN LATERAL (
            SELECT count(*) AS documents
            FROM (
                (
                    SELECT FROM runtime.sync_documents AS d
                    WHERE v_org_id IS NULL AND d.topic = t.topic AND NOT d.deleted
                    LIMIT v_most + 1
                )
                UNION ALL
                (
                    SELECT FROM runtime.sync_documents AS d
                    WHERE d.topic = t.topic AND d.org_id = v_org_id AND NOT d.deleted
                    LIMIT v_most + 1
                )
                UNION ALL
                (
                    SELECT FROM runtime.sync_documents AS d
                    WHERE v_org_id IS NOT NULL AND d.topic = t.topic AND d.org_id IS NULL AND NOT d.deleted
                    LIMIT v_most + 1
                )
            ) AS counted
        ) AS n
    ));
END
$$;

COMMENT ON FUNCTION khala.admin_topics(text, text[]) IS
'Topics for administrators. Arguments: organisation and scopes of the token. Result: {"topics": [...]} with settings, watermarks, documents that the token may read (counted up to a bound: documents_at_least says that there are more), journal, durations in seconds, and subscriptions at live relays; without the scope khala.admin.all journal_bytes, writes_per_minute and subscribers are null. Errors: KH025.';
REVOKE ALL ON FUNCTION khala.admin_topics(text, text[]) FROM public;
GRANT EXECUTE ON FUNCTION khala.admin_topics(text, text[]) TO khala_relay;
