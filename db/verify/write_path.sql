-- Verify khala:write_path on pg

BEGIN;

SELECT outcome, sinks FROM khala.sink_stats WHERE FALSE;
SELECT many_topics FROM runtime.sync_topics WHERE FALSE;

DO $$
BEGIN
    ASSERT NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_constraint AS c
        LEFT JOIN pg_catalog.pg_inherits AS i ON c.conrelid = i.inhrelid
        WHERE c.contype = 'c' AND coalesce(i.inhparent, c.conrelid) IN (
            'runtime.sync_documents'::pg_catalog.regclass, 'runtime.sync_stream_events'::pg_catalog.regclass,
            'runtime.sync_topic_sequences'::pg_catalog.regclass
        )
    ), 'no CHECK may stand on the tables that every sink writes';
    ASSERT (
        SELECT pg_catalog.count(*) = 1
        FROM pg_catalog.pg_trigger AS t
        WHERE t.tgrelid = 'runtime.sync_topic_sequences'::pg_catalog.regclass
            AND t.tgname = 'sync_topic_sequences_wake'
            AND pg_catalog.cardinality(t.tgattr) = 1
    ), 'the wake-up trigger must be called only when a topic is armed or disarmed';
    ASSERT (
        SELECT pg_catalog.count(*) = 3
        FROM pg_catalog.pg_class AS c
        WHERE c.relnamespace = 'runtime'::pg_catalog.regnamespace AND c.relkind = 'S' AND c.relpersistence = 'u'
            AND c.relname IN ('sync_sinks_rewritten', 'sync_sinks_duplicate', 'sync_sinks_stale_version')
    ), 'the counters must be unlogged sequences';
    ASSERT pg_catalog.has_table_privilege('khala_dba', 'khala.sink_stats', 'SELECT'),
        'khala_dba must be able to read the statistics';
END
$$;

ROLLBACK;
