-- A session of the admin page, as the page is told of it.

CREATE OR REPLACE FUNCTION khala.page_session(p_cookie_hash bytea)
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_session runtime.page_sessions;
BEGIN
    SELECT s.* INTO v_session
    FROM runtime.page_sessions AS s
    WHERE s.cookie_hash = p_cookie_hash AND s.expires_at > clock_timestamp();
    IF NOT found THEN
        RETURN NULL;
    END IF;
    RETURN json_build_object(
        'organisations', v_session.org_ids,
        'organisation', coalesce(v_session.first_org_id, v_session.org_ids[1], (
            -- Of the first topic that has one.
            SELECT o.org_id
            FROM runtime.sync_topics AS t
            CROSS JOIN LATERAL (
                SELECT d.org_id FROM runtime.sync_documents AS d
                WHERE d.topic = t.topic AND NOT d.deleted AND d.org_id > ''
                ORDER BY d.org_id
                LIMIT 1
            ) AS o
            ORDER BY t.topic COLLATE "C"
            LIMIT 1
        )),
        'scopes', khala_internal.page_scopes(v_session.org_ids),
        'ends_at', khala_internal.iso_timestamp(v_session.expires_at)
    );
END
$$;

COMMENT ON FUNCTION khala.page_session(bytea) IS
'A session of the admin page. Argument: SHA-256 of its cookie. Result: {"organisations" (null: any), "organisation": the first to show, null where nothing says which, "scopes", "ends_at"}; null when there is no such session, or it has ended. Errors: none.';
REVOKE ALL ON FUNCTION khala.page_session(bytea) FROM public;
GRANT EXECUTE ON FUNCTION khala.page_session(bytea) TO khala_relay;
