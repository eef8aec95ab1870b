-- Verify khala:page on pg

BEGIN;
\ir ../session.sql

SELECT session_id, code_hash, cookie_hash, person, org_ids, first_org_id, valid_for, signed_in_at, expires_at
FROM runtime.page_sessions WHERE FALSE;
SELECT relay, version, started_at, reported_at, stopped_at, connections, subscribers, behind, sent_bytes
FROM runtime.relay_reports WHERE FALSE;
SELECT at, topic, writes, connections, sent_bytes, lag FROM runtime.activity WHERE FALSE;
SELECT topic, head_watermark FROM runtime.activity_heads WHERE FALSE;

DO $$
BEGIN
    ASSERT (
        SELECT pg_catalog.count(*) = 4 AND pg_catalog.bool_and(c.relowner = 'khala_owner'::pg_catalog.regrole)
        FROM pg_catalog.pg_class AS c
        WHERE c.relnamespace = 'runtime'::pg_catalog.regnamespace AND c.relkind = 'r'
            AND c.relname IN ('page_sessions', 'relay_reports', 'activity', 'activity_heads')
    ), 'the tables of the admin page must belong to khala_owner';
END
$$;

ROLLBACK;
