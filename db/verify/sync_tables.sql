-- Verify khala:sync_tables on pg

BEGIN;
\ir ../session.sql

SELECT topic, enum_name, read_model, payload_mode, inline_limit_bytes, retention_horizon, ownership, created_at,
    writes, max_staged_writes
FROM runtime.sync_topics WHERE FALSE;
SELECT topic, head_watermark, armed FROM runtime.sync_topic_sequences WHERE FALSE;
SELECT topic, positions, armed, settled, taken, next_settled, next_taken, next_transaction
FROM runtime.sync_topic_staging WHERE FALSE;
SELECT topic, position, doc_version, staged_at, deleted, doc_key, org_id, traceparent, payload_hash, canonical, payload
FROM runtime.sync_staged_writes WHERE FALSE;
SELECT topic, watermark, doc_version, inserted_at, payload_bytes, deleted, owner_changed, doc_key, org_id,
    previous_org_id, payload_hash, payload, traceparent
FROM runtime.sync_stream_events WHERE FALSE;
SELECT topic, doc_key, doc_version, watermark, updated_at, payload_bytes, deleted, org_id, payload_hash, payload
FROM runtime.sync_documents WHERE FALSE;
SELECT topic, retention_floor, last_purge_at, purges, purged_events FROM runtime.sync_topic_retention WHERE FALSE;
SELECT epoch_number, epoch, started_at, reason, fingerprint FROM runtime.sync_epochs WHERE FALSE;

DO $$
BEGIN
    ASSERT (
        SELECT pg_catalog.count(*) = 8
        FROM pg_catalog.pg_class AS c
        WHERE c.relnamespace = 'runtime'::pg_catalog.regnamespace
            AND c.relname IN (
                'sync_topics', 'sync_topic_sequences', 'sync_stream_events',
                'sync_documents', 'sync_topic_retention', 'sync_epochs', 'sync_topic_staging', 'sync_staged_writes'
            )
            AND c.relowner = 'khala_owner'::pg_catalog.regrole
    ), 'the sync tables must belong to khala_owner';
    ASSERT (
        SELECT 'fillfactor=10' = ANY (c.reloptions)
        FROM pg_catalog.pg_class AS c
        WHERE c.oid = 'runtime.sync_topic_sequences'::pg_catalog.regclass
    ), 'the sequence table must leave room for HOT updates';
    ASSERT (
        SELECT pg_catalog.count(*) = 9
        FROM pg_catalog.pg_index AS i
        INNER JOIN pg_catalog.pg_class AS c ON i.indexrelid = c.oid
        WHERE c.relnamespace = 'runtime'::pg_catalog.regnamespace AND i.indisvalid AND i.indisready
            AND c.relname IN (
                'sync_topics_pkey', 'sync_topic_sequences_pkey', 'sync_stream_events_pkey', 'sync_documents_pkey',
                'sync_documents_owner', 'sync_topic_retention_pkey', 'sync_epochs_pkey', 'sync_topic_staging_pkey',
                'sync_staged_writes_pkey'
            )
    ), 'the primary keys and the owner index must exist and be valid';
    ASSERT NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_index AS i
        INNER JOIN pg_catalog.pg_attribute AS a
            ON i.indrelid = a.attrelid AND a.attnum = ANY (i.indkey)
        WHERE i.indrelid = 'runtime.sync_topic_sequences'::pg_catalog.regclass AND a.attname <> 'topic'
    ), 'only the topic of the sequence table may be indexed';
    ASSERT NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_constraint AS c
        WHERE c.contype = 'c' AND c.conrelid IN (
            'runtime.sync_documents'::pg_catalog.regclass, 'runtime.sync_stream_events'::pg_catalog.regclass,
            'runtime.sync_topic_sequences'::pg_catalog.regclass
        )
    ), 'tables that every sink writes may have no CHECK';
    ASSERT (
        SELECT pg_catalog.count(*) = 3
        FROM pg_catalog.pg_class AS c
        WHERE c.relnamespace = 'runtime'::pg_catalog.regnamespace AND c.relkind = 'S' AND c.relpersistence = 'u'
            AND c.relname IN ('sync_sinks_rewritten', 'sync_sinks_duplicate', 'sync_sinks_stale_version')
    ), 'the counters must be unlogged sequences';
    ASSERT NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_constraint AS c
        WHERE c.conrelid = 'runtime.sync_topic_sequences'::pg_catalog.regclass AND c.contype = 'f'
    ), 'the table that every sink updates may have no foreign key';
    ASSERT EXISTS (
        SELECT
        FROM pg_catalog.pg_constraint AS c
        WHERE c.conrelid = 'runtime.sync_topic_staging'::pg_catalog.regclass AND c.contype = 'f'
            AND c.confrelid = 'runtime.sync_topics'::pg_catalog.regclass
    ), 'a foreign key must keep grouped topics from being deleted';
    ASSERT NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_constraint AS c
        WHERE c.conrelid = 'runtime.sync_topic_retention'::pg_catalog.regclass AND c.contype = 'f'
    ), 'the retention floor of a removed topic must stay';
END
$$;

ROLLBACK;
