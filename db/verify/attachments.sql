-- Verify khala:attachments on pg

BEGIN;
\ir ../session.sql

SELECT
    topic, relation, key_columns, org_column, columns, recorded, partitions, key_sql, attached_at, attached_by, is_backfilled,
    backfill_after, backfilled_rows, sweep_after, is_trusted
FROM runtime.attachments WHERE FALSE;
SELECT topic, row_key, reason, times, first_at, last_at FROM runtime.attachment_set_aside WHERE FALSE;

DO $$
BEGIN
    ASSERT (
        SELECT pg_catalog.count(*) = 2
        FROM pg_catalog.pg_class AS c
        WHERE c.oid IN (
            'runtime.attachments'::pg_catalog.regclass, 'runtime.attachment_set_aside'::pg_catalog.regclass
        )
            AND c.relowner = 'khala_owner'::pg_catalog.regrole
    ), 'the tables of attachments must belong to khala_owner';
END
$$;

ROLLBACK;
