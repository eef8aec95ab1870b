-- Lists sessions of the admin page, and links that are not used yet, without their hashes.

CREATE OR REPLACE FUNCTION khala.list_page_sessions()
RETURNS TABLE (
    session_id text, person text, org_ids text[], created_at timestamptz, created_by text, signed_in_at timestamptz,
    expires_at timestamptz
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT s.session_id, s.person, s.org_ids, s.created_at, s.created_by, s.signed_in_at, s.expires_at
    FROM runtime.page_sessions AS s
    WHERE s.expires_at > clock_timestamp()
    ORDER BY s.created_at, s.session_id;
END
$$;

COMMENT ON FUNCTION khala.list_page_sessions() IS
'Sessions of the admin page and links to it that have not ended, oldest first. Arguments: none. Result: id, person, organisations (null: any), when and by whom the link was made, when it was used (null: not yet), when it ends. Errors: none.';
REVOKE ALL ON FUNCTION khala.list_page_sessions() FROM public;
GRANT EXECUTE ON FUNCTION khala.list_page_sessions() TO khala_dba;
