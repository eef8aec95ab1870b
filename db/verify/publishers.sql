-- Verify khala:publishers on pg

BEGIN;
\ir ../session.sql

SELECT publisher, kind, url, paused, failures, not_before FROM runtime.publishers WHERE FALSE;
SELECT publisher, topic, target, delete_target, epoch, cursor_watermark FROM runtime.publisher_topics WHERE FALSE;
SELECT publisher, topic, doc_key, watermark, state, due_at FROM runtime.publisher_updates WHERE FALSE;
SELECT publisher, topic, doc_key, watermark, reason FROM runtime.publisher_set_aside WHERE FALSE;

DO $$
BEGIN
    ASSERT (
        SELECT pg_catalog.count(*) = 4 AND pg_catalog.bool_and(c.relowner = 'khala_owner'::pg_catalog.regrole)
        FROM pg_catalog.pg_class AS c
        WHERE c.relnamespace = 'runtime'::pg_catalog.regnamespace AND c.relkind = 'r'
            AND c.relname IN ('publishers', 'publisher_topics', 'publisher_updates', 'publisher_set_aside')
    ), 'the tables of publishers must belong to khala_owner';
    ASSERT NOT EXISTS (
        SELECT FROM pg_catalog.pg_class AS c
        WHERE c.relnamespace = 'runtime'::pg_catalog.regnamespace
            AND pg_catalog.has_table_privilege('khala_publisher', c.oid, 'SELECT')
            AND c.relkind IN ('r', 'p', 'v')
    ), 'khala_publisher must not be able to read a table';
END
$$;

ROLLBACK;
