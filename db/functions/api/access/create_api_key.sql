-- Stores a key that is exchanged for tokens. Only the hash of its secret reaches the database, so no statement log,
-- backup or reader of the table holds anything that opens a socket.

CREATE OR REPLACE FUNCTION khala.create_api_key(
    p_key_id text,
    p_secret_hash bytea,
    p_label text,
    p_subject text,
    p_org_id text,
    p_scopes text[],
    p_expires_at timestamptz DEFAULT NULL,
    p_tokens_per_minute integer DEFAULT 6000
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
    -- The scopes that are no topics: their holders set the switches of lightning.operate, send requests to workers, and
    -- read what administrators read.
    WHERE coalesce(s.scope NOT IN ('lightning.operate', 'runtime.operate', 'khala.admin', 'khala.admin.all'), TRUE)
        AND NOT EXISTS (
            SELECT FROM runtime.sync_topics AS t
            WHERE khala_internal.scope_prefixes(ARRAY[s.scope], t.topic, t.enum_name) IS NOT NULL
        );
    IF v_unknown IS NOT NULL THEN
        PERFORM khala_internal.refuse_topic(VARIADIC v_unknown);
    END IF;
    IF NOT khala_internal.is_org_id(p_org_id) THEN
        RAISE EXCEPTION 'p_org_id has % characters', length(p_org_id)
            USING ERRCODE = 'KH007', HINT = 'Use 1 to 200 characters.';
    END IF;
    IF p_expires_at <= clock_timestamp() THEN
        RAISE EXCEPTION 'p_expires_at is %, which has passed', p_expires_at
            USING ERRCODE = 'KH007', HINT = 'Pass a time in the future, or null for a key that does not expire.';
    END IF;
    INSERT INTO runtime.api_keys (key_id, secret_hash, label, subject, org_id, scopes, expires_at, tokens_per_minute)
    VALUES (p_key_id, p_secret_hash, p_label, p_subject, p_org_id, p_scopes, p_expires_at, p_tokens_per_minute)
    RETURNING created_at INTO v_created_at;
    RETURN v_created_at;
EXCEPTION
    WHEN check_violation OR not_null_violation OR unique_violation THEN
        RAISE EXCEPTION 'the API key is not valid: %', SQLERRM
            USING ERRCODE = 'KH007',
                HINT = 'Pass an unused id of 8 to 32 characters 0-9a-z, a hash of 32 bytes, a label, at least one topic, 1 to 1000000 tokens a minute, and a subject and organisation that are not empty.';
END
$$;

COMMENT ON FUNCTION khala.create_api_key(text, bytea, text, text, text, text[], timestamptz, integer) IS
'Stores an API key. Arguments: its id; SHA-256 of its secret; a label; subject and organisation of its tokens, null for those that each request names; topics that they may name, each alone or with a slash and a prefix of its keys (shop.orders/customer/42/), lightning.operate, which lets operators set switches, runtime.operate, which lets its holder send requests to codex workers, and khala.admin, which lets its holder read what administrators read of the organisation, with khala.admin.all of all; expiry, null for none; tokens in a minute, of each relay: 6000 are enough for 30,000 users with tokens of five minutes. Result: time of creation. Errors: KH001 unknown topic, KH007.';
REVOKE ALL ON FUNCTION khala.create_api_key(text, bytea, text, text, text, text[], timestamptz, integer) FROM public;
GRANT EXECUTE ON FUNCTION khala.create_api_key(text, bytea, text, text, text, text[], timestamptz, integer) TO khala_dba;
