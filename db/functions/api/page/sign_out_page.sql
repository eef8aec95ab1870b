-- Ends a session of the admin page, at the page's own request.

CREATE OR REPLACE FUNCTION khala.sign_out_page(p_cookie_hash bytea)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN khala_internal.end_page_sessions(
        ARRAY(SELECT s.session_id FROM runtime.page_sessions AS s WHERE s.cookie_hash = p_cookie_hash)
    ) > 0;
END
$$;

COMMENT ON FUNCTION khala.sign_out_page(bytea) IS
'Ends a session of the admin page, and revokes its tokens. Argument: SHA-256 of its cookie. Result: whether there was one. Errors: 40001 as khala.revoke.';
REVOKE ALL ON FUNCTION khala.sign_out_page(bytea) FROM public;
GRANT EXECUTE ON FUNCTION khala.sign_out_page(bytea) TO khala_relay;
