-- Verify khala:seed on pg

BEGIN;
\ir ../session.sql

DO $$
BEGIN
    ASSERT (
        SELECT pg_catalog.count(*) = 2
        FROM runtime.sync_topics AS t
        INNER JOIN runtime.sync_topic_sequences AS s ON t.topic = s.topic
        INNER JOIN runtime.sync_topic_retention AS r ON t.topic = r.topic
        WHERE t.topic IN ('runtime.run_summaries', 'runtime.codex_worker_summaries')
            AND pg_catalog.to_regclass(pg_catalog.format('runtime.%I', t.read_model)) IS NOT NULL
    ), 'the topics of projections must exist with sequence, retention and read model';
    ASSERT khala.current_epoch() IS NOT NULL, 'a current epoch must exist';
END
$$;

ROLLBACK;
