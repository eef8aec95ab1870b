-- Revokes an API key. Its tokens remain valid for their few minutes; khala.revoke revokes those at once.

CREATE OR REPLACE FUNCTION khala.revoke_api_key(p_key_id text)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', TRUE);
    END IF;
    UPDATE runtime.api_keys AS k SET revoked_at = coalesce(k.revoked_at, clock_timestamp())
    WHERE k.key_id = p_key_id;
    RETURN found;
END
$$;

COMMENT ON FUNCTION khala.revoke_api_key(text) IS
'Revokes an API key for good. Argument: its id. Result: whether the key exists. Errors: none.';
REVOKE ALL ON FUNCTION khala.revoke_api_key(text) FROM public;
GRANT EXECUTE ON FUNCTION khala.revoke_api_key(text) TO khala_dba;
