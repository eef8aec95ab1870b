-- Verify khala:projection_stats on pg

BEGIN;

SELECT projection, drifted_entities, drift FROM khala.projection_stats WHERE FALSE;

DO $$
BEGIN
    ASSERT pg_catalog.has_table_privilege('khala_dba', 'khala.projection_stats', 'SELECT'),
        'khala_dba must be able to read khala.projection_stats';
END
$$;

ROLLBACK;
