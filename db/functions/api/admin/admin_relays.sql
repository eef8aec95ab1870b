-- Relays, as each reported last.

CREATE OR REPLACE FUNCTION khala.admin_relays(p_org_id text, p_scopes text[])
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM khala_internal.admin_organisation(p_org_id, p_scopes, TRUE);
    RETURN json_build_object('relays', (
        SELECT coalesce(
            json_agg(
                json_build_object(
                    'relay', r.relay,
                    'version', r.version,
                    'started_at', khala_internal.iso_timestamp(r.started_at),
                    'reported_at', khala_internal.iso_timestamp(r.reported_at),
                    'stopped_at', khala_internal.iso_timestamp(r.stopped_at),
                    'connections', r.connections,
                    'subscribers', r.subscribers,
                    'behind', r.behind,
                    'sent_bytes', r.sent_bytes,
                    'is_live', l.relay IS NOT NULL
                )
                ORDER BY r.started_at, r.relay
            ),
            '[]'
        )
        FROM runtime.relay_reports AS r
        LEFT JOIN khala_internal.live_relays() AS l ON r.relay = l.relay
    ));
END
$$;

COMMENT ON FUNCTION khala.admin_relays(text, text[]) IS
'Relays of the last hour, for administrators. Arguments: organisation and scopes of the token. Result: {"relays": [{"relay", "version", "started_at", "reported_at", "stopped_at", "connections", "subscribers": {topic: number}, "behind", "sent_bytes", "is_live"}]}, longest running first. Errors: KH025.';
REVOKE ALL ON FUNCTION khala.admin_relays(text, text[]) FROM public;
GRANT EXECUTE ON FUNCTION khala.admin_relays(text, text[]) TO khala_relay;
