BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(2);

SELECT is_empty('SELECT * FROM khala.list_revocations()', 'none at first');
DO $$
BEGIN
    PERFORM khala.revoke('sub', 'ann', '2026-01-01 00:00:00+00', 'left');
    PERFORM khala.revoke('org', 'o', 'infinity');
    PERFORM khala.revoke('jti', 'cancelled');
    PERFORM khala.revoke('jti', 'cancelled', '-infinity');
    PERFORM khala.revoke('jti', 'forgotten');
END
$$;
UPDATE runtime.sync_revocations SET forget_at = now() - INTERVAL '1 second' WHERE value = 'forgotten';
SELECT results_eq(
    'SELECT r.kind, r.value, r.issued_until, r.revoked_by = session_user, r.reason FROM khala.list_revocations() AS r',
    $$VALUES ('sub', 'ann', '2026-01-01 00:00:00+00'::timestamptz, TRUE, 'left'),
             ('org', 'o', 'infinity', TRUE, NULL)$$, 'those in force, oldest first'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
