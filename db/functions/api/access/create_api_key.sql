-- Stores a key that is exchanged for tokens. Its maker keeps the secret: only the hash comes here, so that
-- no statement log, no backup and no reader of the table ever holds anything that opens a socket.

CREATE OR REPLACE FUNCTION khala.create_api_key(
    p_key_id text,
    p_secret_hash bytea,
    p_label text,
    p_subject text,
    p_org_id text,
    p_scopes text[],
    p_expires_at timestamptz DEFAULT NULL
)
RETURNS timestamptz
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_unknown text[];
    v_created_at timestamptz;
BEGIN
    SELECT array_agg(s.scope ORDER BY s.scope) INTO v_unknown
    FROM unnest(p_scopes) AS s (scope)
    WHERE NOT EXISTS (SELECT FROM runtime.sync_topics AS t WHERE s.scope IN (t.topic, t.enum_name));
    IF v_unknown IS NOT NULL THEN
        PERFORM khala_internal.refuse_topic(VARIADIC v_unknown);
    END IF;
    IF p_expires_at <= clock_timestamp() THEN
        RAISE EXCEPTION 'the key would have expired already'
            USING ERRCODE = 'KH007', HINT = 'Pass a moment to come, or null for a key without an end.';
    END IF;
    INSERT INTO runtime.api_keys (key_id, secret_hash, label, subject, org_id, scopes, expires_at)
    VALUES (p_key_id, p_secret_hash, p_label, p_subject, p_org_id, p_scopes, p_expires_at)
    RETURNING created_at INTO v_created_at;
    RETURN v_created_at;
EXCEPTION
    WHEN check_violation OR not_null_violation OR unique_violation THEN
        RAISE EXCEPTION 'not a key that can be stored: %', SQLERRM
            USING ERRCODE = 'KH007',
                HINT = 'A fresh id of 8 to 32 characters 0-9a-z, 32 bytes of hash, label, subject, organisation, a topic.';
END
$$;

COMMENT ON FUNCTION khala.create_api_key(text, bytea, text, text, text, text[], timestamptz) IS
'Stores an API key. Arguments: its id; SHA-256 of its secret; a label for humans; subject and organisation of the tokens made with it; topics they may be for; when it ends, null for never. Result: when it was created. Errors: KH001 unknown topic, KH007.';
REVOKE ALL ON FUNCTION khala.create_api_key(text, bytea, text, text, text, text[], timestamptz) FROM public;
GRANT EXECUTE ON FUNCTION khala.create_api_key(text, bytea, text, text, text, text[], timestamptz) TO khala_dba;
