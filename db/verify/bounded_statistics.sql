-- Verify khala:bounded_statistics on pg

BEGIN;

DO $$
BEGIN
    ASSERT pg_catalog.pg_get_viewdef('khala.topic_stats'::pg_catalog.regclass) LIKE '%LIMIT 1000%',
        'the statistics of a topic must look at a bounded number of rows';
END
$$;

ROLLBACK;
