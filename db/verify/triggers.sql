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
    ASSERT (
        SELECT pg_catalog.count(*) = 6
        FROM pg_catalog.pg_trigger AS t
        WHERE t.tgfoid = 'khala_internal.refuse_history_change()'::pg_catalog.regprocedure AND t.tgenabled = 'O'
            AND t.tgrelid IN (
                'runtime.entity_events'::pg_catalog.regclass, 'runtime.run_events'::pg_catalog.regclass,
                'runtime.codex_worker_events'::pg_catalog.regclass
            )
    ), 'events must be append-only in the parent table and in both partitions';
END
$$;

ROLLBACK;
