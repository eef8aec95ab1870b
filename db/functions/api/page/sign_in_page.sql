-- Exchanges the code of a link for a session: once. Of two that come at the same moment with the same code, one gets it.

CREATE OR REPLACE FUNCTION khala.sign_in_page(p_code_hash bytea, p_cookie_hash bytea)
RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF coalesce(octet_length(p_cookie_hash) <> 32, TRUE) THEN
        RAISE EXCEPTION 'p_cookie_hash has % bytes', coalesce(octet_length(p_cookie_hash), 0)
            USING ERRCODE = 'KH007', HINT = 'Pass the SHA-256 of a cookie of 32 random bytes.';
    END IF;
    UPDATE runtime.page_sessions AS s
    SET code_hash = NULL,
        cookie_hash = p_cookie_hash,
        signed_in_at = clock_timestamp(),
        expires_at = clock_timestamp() + s.valid_for
    WHERE s.code_hash = p_code_hash AND s.expires_at > clock_timestamp();
    RETURN CASE WHEN found THEN khala.page_session(p_cookie_hash) END;
EXCEPTION
    WHEN unique_violation THEN
        RAISE EXCEPTION 'the cookie is in use' USING ERRCODE = 'KH007', HINT = 'Pass the SHA-256 of a cookie of 32 fresh random bytes.';
END
$$;

COMMENT ON FUNCTION khala.sign_in_page(bytea, bytea) IS
'Opens the session of a link to the admin page. Arguments: SHA-256 of the link''s code; SHA-256 of the session''s cookie. Result: khala.page_session() of it; null when the link is used, expired or unknown. Errors: KH007.';
REVOKE ALL ON FUNCTION khala.sign_in_page(bytea, bytea) FROM public;
GRANT EXECUTE ON FUNCTION khala.sign_in_page(bytea, bytea) TO khala_relay;
