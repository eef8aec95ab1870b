-- Verify khala:access on pg

BEGIN;
\ir ../session.sql

SELECT kind, value, revocation_number, issued_until, revoked_at, forget_at, revoked_by, reason
FROM runtime.sync_revocations WHERE FALSE;
SELECT key_id, secret_hash, label, subject, org_id, scopes, created_at, created_by, expires_at, last_used_at, revoked_at
FROM runtime.api_keys WHERE FALSE;

DO $$
BEGIN
    ASSERT (
        SELECT pg_catalog.count(*) = 2
        FROM pg_catalog.pg_class AS c
        WHERE c.oid IN ('runtime.sync_revocations'::pg_catalog.regclass, 'runtime.api_keys'::pg_catalog.regclass)
            AND c.relowner = 'khala_owner'::pg_catalog.regrole
    ), 'the tables of revocations and API keys must belong to khala_owner';
    ASSERT NOT pg_catalog.has_table_privilege('khala_dba', 'runtime.api_keys', 'SELECT'),
        'only khala_owner may read runtime.api_keys';
END
$$;

ROLLBACK;
