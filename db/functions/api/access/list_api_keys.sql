-- Lists the API keys without their secrets' hashes.

CREATE OR REPLACE FUNCTION khala.list_api_keys()
RETURNS TABLE (
    key_id text,
    label text,
    subject text,
    org_id text,
    scopes text[],
    tokens_per_minute integer,
    created_at timestamptz,
    created_by text,
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT k.key_id, k.label, k.subject, k.org_id, k.scopes, k.tokens_per_minute, k.created_at, k.created_by, k.expires_at,
        k.last_used_at, k.revoked_at
    FROM runtime.api_keys AS k
    ORDER BY k.created_at, k.key_id;
END
$$;

COMMENT ON FUNCTION khala.list_api_keys() IS
'All API keys, oldest first, including expired and revoked ones. Arguments: none. Result: each column of a key except the hash of its secret. Errors: none.';
REVOKE ALL ON FUNCTION khala.list_api_keys() FROM public;
GRANT EXECUTE ON FUNCTION khala.list_api_keys() TO khala_dba;
