-- Verify khala:seed on pg

BEGIN;
\ir ../session.sql

DO $$
BEGIN
    ASSERT (
        SELECT pg_catalog.count(*) = 6
        FROM runtime.sync_topics AS t
        INNER JOIN runtime.sync_topic_sequences AS s ON t.topic = s.topic
        INNER JOIN runtime.sync_topic_retention AS r ON t.topic = r.topic
        WHERE t.topic IN (
            'runtime.run_summaries', 'runtime.codex_worker_summaries', 'lightning.paywalls', 'lightning.deployments',
            'lightning.settlements', 'lightning.security'
        )
            AND pg_catalog.to_regclass(pg_catalog.format('runtime.%I', t.read_model)) IS NOT NULL
    ), 'the topics of projections and of the Lightning control plane must exist with sequence, retention and read model';
    ASSERT (SELECT pg_catalog.count(*) = 1 FROM lightning.security_global AS g), 'the pause of the gateway must have its row';
    -- That of a copy is not its own until a relay connects.
    ASSERT EXISTS (SELECT FROM runtime.sync_epochs AS e), 'an epoch must have begun';
END
$$;

ROLLBACK;
