-- Verify khala:sequence_key on pg

BEGIN;

DO $$
BEGIN
    ASSERT NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_constraint AS c
        WHERE c.conrelid = 'runtime.sync_topic_sequences'::pg_catalog.regclass AND c.contype = 'f'
    ), 'no foreign key may be checked by what every sink updates';
    ASSERT EXISTS (
        SELECT
        FROM pg_catalog.pg_constraint AS c
        WHERE c.conrelid = 'runtime.sync_topic_retention'::pg_catalog.regclass AND c.contype = 'f'
            AND c.confrelid = 'runtime.sync_topics'::pg_catalog.regclass
    ), 'a foreign key must keep topics from being deleted';
END
$$;

ROLLBACK;
