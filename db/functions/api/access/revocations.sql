-- Revocations for a relay: all of them when it starts, then only new ones. A relay that knows a number above all of
-- them knows another database's: it gets all, so that it misses none until it notices the new epoch.

CREATE OR REPLACE FUNCTION khala.revocations(p_seen bigint DEFAULT 0)
RETURNS TABLE (number bigint, kind text, value text, issued_until double precision)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT r.revocation_number, r.kind, r.value, extract(EPOCH FROM r.issued_until)::double precision
    FROM runtime.sync_revocations AS r
    WHERE r.forget_at > clock_timestamp()
        AND (r.revocation_number > p_seen OR p_seen > (SELECT max(n.revocation_number) FROM runtime.sync_revocations AS n))
    ORDER BY r.revocation_number;
END
$$;

COMMENT ON FUNCTION khala.revocations(bigint) IS
'Revocations in force. Argument: number of the last known one, 0 or one above the last for all. Result: number, claim, value of the claim, and the issue time up to which tokens are revoked, in seconds since 1970 or infinite. Errors: none.';
REVOKE ALL ON FUNCTION khala.revocations(bigint) FROM public;
GRANT EXECUTE ON FUNCTION khala.revocations(bigint) TO khala_relay, khala_dba;
