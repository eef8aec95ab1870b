-- Verify khala:views on pg

BEGIN;

SELECT topic, head_watermark, retention_floor, oldest_age, rows, bytes, writes_per_minute, armed
FROM khala.topic_stats WHERE FALSE;
SELECT topic, retention_floor, retention_horizon, last_purge_at, purges, purged_events, overdue
FROM khala.retention_stats WHERE FALSE;

DO $$
BEGIN
    ASSERT pg_catalog.has_table_privilege('khala_dba', 'khala.topic_stats', 'SELECT')
    AND pg_catalog.has_table_privilege('khala_dba', 'khala.retention_stats', 'SELECT'),
        'khala_dba must be able to read the statistics';
END
$$;

ROLLBACK;
