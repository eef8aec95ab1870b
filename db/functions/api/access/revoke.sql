-- Revokes tokens before they expire, and notifies every relay. Revocations commit one after the other, so their
-- numbers become visible in order: a relay that has read one has read all before it. Numbers follow the rows, not a
-- sequence, which a logical copy would leave behind them.

CREATE OR REPLACE FUNCTION khala.revoke(
    p_kind text, p_value text, p_issued_until timestamptz DEFAULT NULL, p_reason text DEFAULT NULL
)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_until timestamptz;
    v_number bigint;
BEGIN
    IF p_kind IS NULL OR p_kind NOT IN ('jti', 'sub', 'org') THEN
        RAISE EXCEPTION 'p_kind is %', coalesce(quote_literal(left(p_kind, 64)), 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use jti (one token), sub (a subject) or org (an organisation).';
    END IF;
    IF p_value IS NULL OR length(p_value) NOT BETWEEN 1 AND 1024 THEN
        RAISE EXCEPTION 'p_value has % characters', coalesce(length(p_value), 0)
            USING ERRCODE = 'KH007', HINT = 'Pass the value of the claim, 1 to 1024 characters.';
    END IF;
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', TRUE);
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('khala.revoke', 0));
    -- Before anything is deleted: numbers never go back.
    SELECT coalesce(max(r.revocation_number), 0) + 1 INTO v_number FROM runtime.sync_revocations AS r;
    DELETE FROM runtime.sync_revocations AS r WHERE r.forget_at < clock_timestamp();
    -- A token states its issue time in whole seconds.
    v_until := coalesce(p_issued_until, clock_timestamp());
    DELETE FROM runtime.sync_revocations AS r WHERE r.kind = p_kind AND r.value = p_value;
    INSERT INTO runtime.sync_revocations (kind, value, revocation_number, issued_until, forget_at, reason)
    VALUES (p_kind, p_value, v_number, v_until, greatest(v_until, clock_timestamp()) + INTERVAL '792 hours', p_reason);
    -- A topic cannot have this name.
    PERFORM pg_notify('khala_sync', 'revoked:');
    RETURN v_number;
EXCEPTION
    WHEN unique_violation THEN
        RAISE serialization_failure USING MESSAGE = 'another revocation was committed since the snapshot of this transaction',
            HINT = 'Try the transaction again, or use READ COMMITTED.';
END
$$;

COMMENT ON FUNCTION khala.revoke(text, text, timestamptz, text) IS
'Revokes tokens and closes the sockets that use them. Arguments: jti, sub or org; value of the claim; issue time up to which tokens are revoked: null for now, infinity for future tokens as well, -infinity to cancel the revocation; reason. Result: number of the revocation. Errors: KH007; 40001 above READ COMMITTED, when another revocation was committed since the snapshot.';
REVOKE ALL ON FUNCTION khala.revoke(text, text, timestamptz, text) FROM public;
GRANT EXECUTE ON FUNCTION khala.revoke(text, text, timestamptz, text) TO khala_dba;
