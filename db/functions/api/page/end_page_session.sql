-- Ends a session of the admin page or a link to it, or all of them, at the request of those who make them.

CREATE OR REPLACE FUNCTION khala.end_page_session(p_session_id text DEFAULT NULL)
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN khala_internal.end_page_sessions(
        ARRAY(SELECT s.session_id FROM runtime.page_sessions AS s WHERE p_session_id IS NULL OR s.session_id = p_session_id)
    );
END
$$;

COMMENT ON FUNCTION khala.end_page_session(text) IS
'Ends a session of the admin page or a link to it, and revokes its tokens. Argument: its id, null for all. Result: how many there were. Errors: 40001 as khala.revoke.';
REVOKE ALL ON FUNCTION khala.end_page_session(text) FROM public;
GRANT EXECUTE ON FUNCTION khala.end_page_session(text) TO khala_dba;
