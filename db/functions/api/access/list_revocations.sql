-- Lists the revocations in force, for those who revoke: khala.revocations is what a relay reads.

CREATE OR REPLACE FUNCTION khala.list_revocations()
RETURNS TABLE (
    number bigint,
    kind text,
    value text,
    issued_until timestamptz,
    revoked_at timestamptz,
    revoked_by text,
    reason text
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT r.revocation_number, r.kind, r.value, r.issued_until, r.revoked_at, r.revoked_by, r.reason
    FROM runtime.sync_revocations AS r
    WHERE r.forget_at > clock_timestamp() AND r.issued_until > '-infinity'
    ORDER BY r.revocation_number;
END
$$;

COMMENT ON FUNCTION khala.list_revocations() IS
'Revocations in force, oldest first, without cancelled ones. Arguments: none. Result: number, claim, value of the claim, issue time up to which tokens are revoked (infinity: future ones too), when and by whom they were revoked, reason. Errors: none.';
REVOKE ALL ON FUNCTION khala.list_revocations() FROM public;
GRANT EXECUTE ON FUNCTION khala.list_revocations() TO khala_dba;
