-- Exchanges an API key for the claims of its tokens. A relay learns nothing about a key whose secret it was not
-- given.

CREATE OR REPLACE FUNCTION khala.authenticate_api_key(p_key_id text, p_secret_hash bytea)
RETURNS TABLE (subject text, org_id text, scopes text[])
LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_last_used_at timestamptz;
BEGIN
    SELECT k.subject, k.org_id, k.scopes, k.last_used_at INTO subject, org_id, scopes, v_last_used_at
    FROM runtime.api_keys AS k
    WHERE k.key_id = p_key_id AND k.secret_hash = p_secret_hash AND k.revoked_at IS NULL
        AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp());
    IF NOT found THEN
        RETURN;
    END IF;
    -- Accurate to the hour, so that each token does not cost a write; a locked key is not waited for.
    IF v_last_used_at IS NULL OR v_last_used_at < clock_timestamp() - INTERVAL '1 hour' THEN
        UPDATE runtime.api_keys AS k SET last_used_at = clock_timestamp()
        WHERE k.key_id = (SELECT l.key_id FROM runtime.api_keys AS l WHERE l.key_id = p_key_id FOR UPDATE SKIP LOCKED);
    END IF;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION khala.authenticate_api_key(text, bytea) IS
'Subject, organisation and topics that an API key stands for. Arguments: its id; SHA-256 of the secret that was given. Result: one row for the tokens of the key; no row when the key is unknown, the secret does not match, or the key has expired or was revoked. Errors: none.';
REVOKE ALL ON FUNCTION khala.authenticate_api_key(text, bytea) FROM public;
GRANT EXECUTE ON FUNCTION khala.authenticate_api_key(text, bytea) TO khala_relay;
