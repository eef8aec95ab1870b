-- Publishers with their topics, and what was set aside.

CREATE OR REPLACE FUNCTION khala.admin_publishers(p_org_id text, p_scopes text[])
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
BEGIN
    PERFORM khala_internal.admin_organisation(p_org_id, p_scopes, TRUE);
    RETURN json_build_object(
        'publishers', (
            SELECT coalesce(json_agg(g.shown ORDER BY g.publisher), '[]')
            FROM (
                SELECT
                    p.publisher,
                    json_build_object(
                        'publisher', p.publisher,
                        'kind', p.kind,
                        -- The query may hold secrets; a user name is refused when the address is set.
                        'url', regexp_replace(p.url, '[?#].*$', ''),
                        -- A snapshot of one topic is one of the publisher.
                        'state', min(p.state),
                        'last_delivery_at', khala_internal.iso_timestamp(
                            '1970-01-01 00:00:00+00'::timestamptz + p.last_delivery_at_s * INTERVAL '1 second'
                        ),
                        'last_error_at', khala_internal.iso_timestamp(
                            '1970-01-01 00:00:00+00'::timestamptz + p.last_error_at_s * INTERVAL '1 second'
                        ),
                        'last_error', p.last_error,
                        'topics', coalesce(json_agg(
                            json_build_object(
                                'topic', p.topic,
                                'target', p.target,
                                'delete_target', p.delete_target,
                                'unread', p.unread,
                                'waiting', p.waiting,
                                'in_flight', p.in_flight,
                                'retrying', p.retrying,
                                'oldest_age_s', round(p.oldest_age_s, 3),
                                'set_aside', p.set_aside,
                                'delivered', p.delivered,
                                'failed', p.failed,
                                'refused', p.refused,
                                'resyncs', p.resyncs,
                                'resync_reason', p.resync_reason,
                                'overtaken', p.overtaken
                            )
                            ORDER BY p.topic
                        ) FILTER (WHERE p.topic IS NOT NULL), '[]')
                    ) AS shown
                FROM khala.publisher_stats AS p
                GROUP BY p.publisher, p.kind, p.url, p.last_delivery_at_s, p.last_error_at_s, p.last_error
            ) AS g
        ),
        'set_aside', (
            SELECT coalesce(
                json_agg(
                    json_build_object(
                        'publisher', a.publisher,
                        'topic', a.topic,
                        'doc_key', a.doc_key,
                        'watermark', khala_internal.wire_integer(a.watermark)::json,
                        'doc_version', khala_internal.wire_integer(a.doc_version)::json,
                        'deleted', a.deleted,
                        'attempts', a.attempts,
                        'reason', a.reason,
                        'set_aside_at', khala_internal.iso_timestamp(a.set_aside_at)
                    )
                    ORDER BY a.place
                ),
                '[]'
            )
            FROM khala.list_set_aside(NULL, 100) WITH ORDINALITY AS a (
                publisher, topic, doc_key, watermark, doc_version, deleted, attempts, reason, set_aside_at, place
            )
        )
    );
END
$$;

COMMENT ON FUNCTION khala.admin_publishers(text, text[]) IS
'Publishers for administrators. Arguments: organisation and scopes of the token. Result: {"publishers": [{"publisher", "kind", "url" without its query, "state", "last_delivery_at", "last_error_at", "last_error", "topics": [...]}], "set_aside": the newest 100}; durations in seconds. Errors: KH025.';
REVOKE ALL ON FUNCTION khala.admin_publishers(text, text[]) FROM public;
GRANT EXECUTE ON FUNCTION khala.admin_publishers(text, text[]) TO khala_relay;
