-- Exchanges an API key for the claims of its tokens. A key without a subject or an organisation of its own lets the
-- caller name one, so that a service can sign in many users, and each of them can be revoked. A relay learns nothing
-- about a key whose secret it was not given.

CREATE OR REPLACE FUNCTION khala.authenticate_api_key(
    p_key_id text,
    p_secret_hash bytea,
    p_subject text DEFAULT NULL,
    p_org_id text DEFAULT NULL
)
RETURNS TABLE (subject text, org_id text, scopes text[], tokens_per_minute integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_last_used_at timestamptz;
BEGIN
    SELECT k.subject, k.org_id, k.scopes, k.tokens_per_minute, k.last_used_at
    INTO subject, org_id, scopes, tokens_per_minute, v_last_used_at
    FROM runtime.api_keys AS k
    WHERE k.key_id = p_key_id AND k.secret_hash = p_secret_hash AND k.revoked_at IS NULL
        AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp());
    IF NOT found THEN
        RETURN;
    END IF;
    IF p_subject <> subject THEN
        RAISE EXCEPTION 'sub is %, but the API key is for subject %', quote_literal(left(p_subject, 100)), quote_literal(subject)
            USING ERRCODE = 'KH007', HINT = 'Leave sub out, or make a key without a subject.';
    END IF;
    IF p_org_id <> org_id THEN
        RAISE EXCEPTION 'org is %, but the API key is for organisation %', quote_literal(left(p_org_id, 100)), quote_literal(org_id)
            USING ERRCODE = 'KH007', HINT = 'Leave org out, or make a key without an organisation.';
    END IF;
    IF org_id IS NULL AND p_org_id IS NULL THEN
        RAISE EXCEPTION 'the API key is for any organisation, and org names none'
            USING ERRCODE = 'KH007', HINT = 'Name the organisation that the token is for.';
    END IF;
    IF length(p_subject) NOT BETWEEN 1 AND 400 THEN
        RAISE EXCEPTION 'sub has % characters', length(p_subject)
            USING ERRCODE = 'KH007', HINT = 'Use 1 to 400 characters, or leave sub out.';
    END IF;
    IF NOT khala_internal.is_org_id(p_org_id) THEN
        RAISE EXCEPTION 'org has % characters', length(p_org_id)
            USING ERRCODE = 'KH007', HINT = 'Use 1 to 200 characters.';
    END IF;
    subject := coalesce(subject, p_subject, 'key:' || p_key_id);
    org_id := coalesce(org_id, p_org_id);
    -- Accurate to the hour, so that each token does not cost a write; a locked key is not waited for.
    IF v_last_used_at IS NULL OR v_last_used_at < clock_timestamp() - INTERVAL '1 hour' THEN
        UPDATE runtime.api_keys AS k SET last_used_at = clock_timestamp()
        WHERE k.key_id = (SELECT l.key_id FROM runtime.api_keys AS l WHERE l.key_id = p_key_id FOR UPDATE SKIP LOCKED);
    END IF;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION khala.authenticate_api_key(text, bytea, text, text) IS
'Subject, organisation and topics that an API key stands for. Arguments: its id; SHA-256 of the secret that was given; subject and organisation that the token is requested for, null: those of the key. Result: one row for the tokens of the key, with the number of them that a relay issues in a minute; no row when the key is unknown, the secret does not match, or the key has expired or was revoked. Without a subject of its own or of the request, that of the tokens is key:<id>. Errors: KH007 the key is for another subject or organisation, or for any organisation and none is named, or a name is too long.';
REVOKE ALL ON FUNCTION khala.authenticate_api_key(text, bytea, text, text) FROM public;
GRANT EXECUTE ON FUNCTION khala.authenticate_api_key(text, bytea, text, text) TO khala_relay;
