-- Verify khala:triggers on pg

BEGIN;

DO $$
BEGIN
    ASSERT (
        SELECT pg_catalog.count(*) = 1
        FROM pg_catalog.pg_trigger AS t
        WHERE t.tgrelid = 'runtime.sync_topic_sequences'::pg_catalog.regclass
            AND t.tgname = 'sync_topic_sequences_wake' AND t.tgenabled = 'O'
    ), 'the wake-up trigger must exist and be enabled';
END
$$;

ROLLBACK;
