-- Verify khala:flags on pg

BEGIN;
\ir ../session.sql

SELECT surface, lane, percent, people, changed_at, changed_by FROM runtime.flags WHERE FALSE;

DO $$
BEGIN
    ASSERT (
        SELECT c.relowner = 'khala_owner'::pg_catalog.regrole
        FROM pg_catalog.pg_class AS c
        WHERE c.oid = 'runtime.flags'::pg_catalog.regclass
    ), 'the table of flags must belong to khala_owner';
END
$$;

ROLLBACK;
