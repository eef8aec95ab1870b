BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(121);

CREATE FUNCTION pg_temp.relations()
RETURNS TABLE (oid oid, name text, kind text, options text[]) LANGUAGE sql AS $$
SELECT c.oid, c.oid::regclass::text, c.relkind::text, c.reloptions FROM pg_class AS c
WHERE c.relnamespace IN ('runtime'::regnamespace, 'khala'::regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
$$;
CREATE FUNCTION pg_temp.option(p_relation regclass, p_name text)
RETURNS text LANGUAGE sql AS $$
SELECT o.option_value FROM pg_class AS c CROSS JOIN LATERAL pg_options_to_table(c.reloptions) AS o
WHERE c.oid = p_relation AND o.option_name = p_name
$$;

-- Schemas.
SELECT schema_owner_is(s.name, 'khala_owner', s.name || ' belongs to khala_owner') FROM (VALUES ('khala'), ('runtime')) AS s (name);
SELECT isnt(obj_description(n.oid, 'pg_namespace'), NULL, n.nspname || ' has a comment')
FROM pg_namespace AS n WHERE n.nspname IN ('khala', 'runtime') ORDER BY n.nspname;
SELECT is_empty(
    $$SELECT r.name FROM pg_temp.relations() AS r INNER JOIN pg_class AS c ON r.oid = c.oid
      WHERE c.relnamespace = 'khala'::regnamespace AND r.kind <> 'v'$$, 'khala holds functions and views only'
);
SELECT is_empty(
    $$SELECT p.oid::regprocedure FROM pg_proc AS p WHERE p.pronamespace = 'runtime'::regnamespace$$, 'runtime holds no functions'
);

-- Tables and their columns.
SELECT has_table('runtime', v.name, 'there is runtime.' || v.name)
FROM (
    VALUES
    ('sync_topics'), ('sync_topic_sequences'), ('sync_stream_events'), ('sync_documents'), ('sync_topic_retention'), ('sync_epochs'),
    ('sync_topic_staging'), ('sync_staged_writes'), ('entities'), ('runs'), ('codex_workers'),
    ('entity_events'), ('run_events'), ('codex_worker_events'), ('projection_checkpoints')
) AS v (name);
SELECT has_view('runtime', v.name, 'there is runtime.' || v.name) FROM (VALUES ('sync_run_summaries'::name), ('sync_codex_worker_summaries'), ('sync_notifications')) AS v (name);
SELECT has_view('khala', v.name, 'there is khala.' || v.name) FROM (VALUES ('topic_stats'), ('retention_stats'), ('sink_stats'), ('projection_stats')) AS v (name);
SELECT columns_are('runtime', v.name, v.columns, 'the columns of ' || v.name)
FROM (
    VALUES
    (
        'sync_topics'::name,
        ARRAY['topic', 'enum_name', 'read_model', 'payload_mode', 'inline_limit_bytes', 'retention_horizon', 'ownership', 'created_at', 'writes', 'max_staged_writes', 'json_schema', 'checked_schema']::name[]
    ),
    ('sync_topic_sequences', ARRAY['topic', 'head_watermark', 'armed']),
    ('sync_topic_staging', ARRAY['topic', 'positions', 'armed', 'settled', 'taken', 'next_settled', 'next_taken', 'next_transaction']),
    (
        'sync_staged_writes',
        ARRAY[
            'topic', 'position', 'doc_version', 'staged_at', 'deleted', 'doc_key', 'org_id', 'traceparent', 'payload_hash', 'canonical',
            'payload'
        ]
    ),
    (
        'sync_stream_events',
        ARRAY[
            'topic', 'watermark', 'doc_version', 'inserted_at', 'payload_bytes', 'deleted', 'owner_changed', 'doc_key', 'org_id',
            'previous_org_id', 'payload_hash', 'payload', 'traceparent'
        ]
    ),
    (
        'sync_documents',
        ARRAY[
            'topic', 'doc_key', 'doc_version', 'watermark', 'updated_at', 'payload_bytes', 'deleted', 'org_id', 'payload_hash',
            'payload'
        ]
    ),
    ('sync_topic_retention', ARRAY['topic', 'retention_floor', 'last_purge_at', 'purges', 'purged_events']),
    ('sync_epochs', ARRAY['epoch_number', 'epoch', 'started_at', 'reason', 'fingerprint']),
    ('entities', ARRAY['kind', 'id', 'latest_seq', 'created_at', 'org_id', 'unnumbered_count']),
    ('entity_events', ARRAY['kind', 'id', 'seq', 'occurred_at', 'recorded_at', 'event_type', 'payload']),
    (
        'projection_checkpoints',
        ARRAY['projection', 'entity_id', 'last_seq', 'drift_count', 'version_offset', 'updated_at', 'projection_version', 'summary_hash', 'heartbeat_s']
    )
) AS v (name, columns);
SELECT col_type_is('runtime', v.tab, v.col, v.type, format('%s.%s is %s', v.tab, v.col, v.type))
FROM (
    VALUES
    ('sync_topic_sequences'::name, 'head_watermark'::name, 'bigint'), ('sync_stream_events', 'watermark', 'bigint'),
    ('sync_stream_events', 'doc_version', 'bigint'), ('sync_stream_events', 'payload', 'text'),
    ('sync_stream_events', 'payload_hash', 'bytea'), ('sync_documents', 'doc_version', 'bigint'),
    ('sync_documents', 'watermark', 'bigint'), ('sync_documents', 'payload', 'jsonb'), ('sync_documents', 'payload_hash', 'bytea'),
    ('sync_topic_retention', 'retention_floor', 'bigint'), ('sync_topics', 'retention_horizon', 'interval'),
    ('sync_epochs', 'epoch_number', 'bigint'), ('entity_events', 'seq', 'bigint'), ('entities', 'latest_seq', 'bigint'),
    ('projection_checkpoints', 'last_seq', 'bigint')
) AS v (tab, col, type);
SELECT is_empty(
    $$SELECT a.attrelid::regclass, a.attname FROM pg_attribute AS a INNER JOIN pg_temp.relations() AS r ON a.attrelid = r.oid
      WHERE a.attnum > 0 AND a.atttypid = 'timestamp'::regtype$$, 'no moment without a time zone'
);
SELECT is_empty(
    $$SELECT a.attrelid::regclass FROM pg_attribute AS a INNER JOIN pg_temp.relations() AS r ON a.attrelid = r.oid
      WHERE a.attname = 'doc_key' AND a.attcollation <> 'pg_catalog."C"'::regcollation$$,
    'document keys are ordered by bytes, in every read model and in the journal'
);
SELECT col_is_pk('runtime', v.tab, v.cols, 'the key of ' || v.tab)
FROM (
    VALUES
    ('sync_topics'::name, ARRAY['topic']::name[]), ('sync_topic_sequences', ARRAY['topic']), ('sync_stream_events', ARRAY['topic', 'watermark']),
    ('sync_documents', ARRAY['topic', 'doc_key']), ('sync_topic_retention', ARRAY['topic']), ('sync_epochs', ARRAY['epoch_number']),
    ('entities', ARRAY['kind', 'id']), ('entity_events', ARRAY['kind', 'id', 'seq']), ('projection_checkpoints', ARRAY['projection', 'entity_id'])
) AS v (tab, cols);
SELECT is_partitioned('runtime', v.name, v.name || ' is partitioned') FROM (VALUES ('entities'::name), ('entity_events')) AS v (name);
SELECT is_partition_of('runtime', v.child, 'runtime', v.parent, format('%s is a part of %s', v.child, v.parent))
FROM (
    VALUES
    ('runs'::name, 'entities'::name), ('codex_workers', 'entities'), ('run_events', 'entity_events'), ('codex_worker_events', 'entity_events')
) AS v (child, parent);

-- The seeded topics.
SELECT results_eq(
    $$SELECT t.topic, t.enum_name, t.read_model, t.ownership FROM runtime.sync_topics AS t
      WHERE t.enum_name LIKE 'SYNC\_TOPIC\_RUNTIME\_%' ORDER BY t.read_model COLLATE "C"$$,
    $$VALUES ('runtime.codex_worker_summaries', 'SYNC_TOPIC_RUNTIME_CODEX_WORKER_SUMMARIES', 'sync_codex_worker_summaries', 'owned'),
        ('runtime.notifications', 'SYNC_TOPIC_RUNTIME_NOTIFICATIONS', 'sync_notifications', 'owned'),
        ('runtime.run_summaries', 'SYNC_TOPIC_RUNTIME_RUN_SUMMARIES', 'sync_run_summaries', 'owned')$$,
    'the topics that every installation has'
);
SELECT is_empty(
    $$SELECT t.topic FROM runtime.sync_topics AS t
      LEFT JOIN runtime.sync_topic_sequences AS s ON t.topic = s.topic LEFT JOIN runtime.sync_topic_retention AS r ON t.topic = r.topic
      WHERE s.topic IS NULL OR r.topic IS NULL OR to_regclass(format('runtime.%I', t.read_model)) IS NULL$$,
    'every topic has its sequence, its retention and its read model'
);

-- Owners and comments, of whatever there is.
SELECT is_empty(
    $$SELECT c.oid::regclass, pg_get_userbyid(c.relowner) FROM pg_class AS c
      WHERE c.relnamespace IN ('runtime'::regnamespace, 'khala'::regnamespace) AND c.relowner <> 'khala_owner'::regrole$$,
    'tables, views, indexes and sequences belong to khala_owner'
);
SELECT is_empty(
    $$SELECT p.oid::regprocedure FROM pg_proc AS p
      WHERE p.pronamespace = 'khala'::regnamespace AND p.proowner <> 'khala_owner'::regrole$$, 'and so do functions'
);
SELECT is_empty(
    $$SELECT r.name FROM pg_temp.relations() AS r WHERE coalesce(obj_description(r.oid, 'pg_class'), '') = ''$$,
    'every table and view has a comment'
);
SELECT is_empty(
    $$SELECT p.oid::regprocedure FROM pg_proc AS p
      WHERE p.pronamespace = 'khala'::regnamespace AND coalesce(obj_description(p.oid, 'pg_proc'), '') = ''$$, 'and every function'
);
SELECT is_empty(
    $$SELECT t.tgname, t.tgrelid::regclass FROM pg_trigger AS t INNER JOIN pg_temp.relations() AS r ON t.tgrelid = r.oid
      WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND obj_description(t.oid, 'pg_trigger') IS NULL$$, 'and every trigger'
);
SELECT isnt(col_description(a.attrelid, a.attnum), NULL, format('%s.%s has a comment', v.tab, v.col))
FROM (
    VALUES
    ('runtime.sync_topics', 'enum_name'), ('runtime.sync_topics', 'read_model'), ('runtime.sync_topics', 'payload_mode'),
    ('runtime.sync_topics', 'inline_limit_bytes'), ('runtime.sync_topics', 'retention_horizon'), ('runtime.sync_topics', 'ownership'),
    ('runtime.sync_topics', 'writes'), ('runtime.sync_topics', 'max_staged_writes'), ('runtime.sync_topics', 'json_schema'), ('runtime.sync_topics', 'checked_schema'), ('runtime.sync_topic_staging', 'armed'),
    ('runtime.sync_topic_staging', 'settled'), ('runtime.sync_staged_writes', 'position'), ('runtime.sync_staged_writes', 'canonical'),
    ('runtime.sync_topic_sequences', 'armed'), ('runtime.sync_stream_events', 'payload'), ('runtime.sync_stream_events', 'payload_hash'),
    ('runtime.sync_stream_events', 'payload_bytes'), ('runtime.sync_stream_events', 'org_id'), ('runtime.sync_stream_events', 'owner_changed'),
    ('runtime.sync_stream_events', 'previous_org_id'), ('runtime.sync_documents', 'watermark'), ('runtime.sync_documents', 'deleted'),
    ('runtime.sync_documents', 'org_id'), ('runtime.sync_epochs', 'fingerprint')
) AS v (tab, col)
INNER JOIN pg_attribute AS a ON v.tab::regclass = a.attrelid AND v.col = a.attname;

-- Storage. The hot row is updated by every writer: it must stay HOT.
SELECT is(pg_temp.option(v.tab::regclass, v.option), v.value, format('%s: %s is %s', v.tab, v.option, v.value))
FROM (
    VALUES
    ('runtime.sync_topic_sequences', 'fillfactor', '10'), ('runtime.sync_topic_sequences', 'autovacuum_vacuum_scale_factor', '0'),
    ('runtime.sync_topic_staging', 'fillfactor', '10'), ('runtime.sync_staged_writes', 'autovacuum_vacuum_scale_factor', '0'),
    ('runtime.sync_documents', 'fillfactor', '70'),
    ('runtime.sync_stream_events', 'fillfactor', NULL), ('runtime.runs', 'fillfactor', '50'), ('runtime.codex_workers', 'fillfactor', '50'),
    ('runtime.projection_checkpoints', 'fillfactor', '50'), ('lightning.invoices', 'fillfactor', '50')
) AS v (tab, option, value);
SELECT is_empty(
    $$SELECT i.indexrelid::regclass, a.attname FROM pg_index AS i INNER JOIN pg_attribute AS a ON i.indexrelid = a.attrelid
      WHERE i.indrelid = 'runtime.sync_topic_sequences'::regclass AND (a.attname <> 'topic' OR i.indpred IS NOT NULL)$$,
    'nothing that changes in the hot row is indexed'
);
SELECT is(
    (SELECT count(*) FROM pg_index AS i WHERE i.indrelid = 'runtime.sync_stream_events'::regclass), 1::bigint, 'the journal has one index, its key'
);
SELECT has_index('runtime', 'sync_documents', 'sync_documents_owner', ARRAY['topic', 'org_id', 'doc_key'], 'documents are found by owner, in the order of their keys');
SELECT is_empty(
    $$SELECT t.tgname FROM pg_trigger AS t WHERE t.tgrelid = 'runtime.sync_stream_events'::regclass AND NOT t.tgisinternal$$,
    'no trigger on the journal'
);
-- A CHECK is parsed by every statement that writes the table; the write paths ask khala_internal.document_fault instead.
SELECT is_empty(
    $$SELECT c.conrelid::regclass, c.conname FROM pg_constraint AS c
      WHERE c.contype = 'c' AND c.conrelid IN (
          'runtime.sync_topic_sequences'::regclass, 'runtime.sync_stream_events'::regclass, 'runtime.sync_documents'::regclass,
          'runtime.sync_topics'::regclass
      )$$,
    'no CHECK on what every sink writes, nor where khala_internal.check_topic has the rules'
);

-- A logical copy and a switchover do not carry what a sequence has come to.
SELECT is_empty(
    $$SELECT a.attrelid::regclass, a.attname FROM pg_attribute AS a
      INNER JOIN pg_class AS c ON a.attrelid = c.oid LEFT JOIN pg_attrdef AS d ON a.attrelid = d.adrelid AND a.attnum = d.adnum
      WHERE c.relnamespace = 'runtime'::regnamespace
          AND (a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) LIKE '%nextval%')$$,
    'no column is numbered by a sequence'
);
SELECT set_eq(
    $$SELECT p.proname FROM pg_proc AS p
      WHERE p.pronamespace IN ('khala'::regnamespace, 'khala_internal'::regnamespace)
          AND coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) ~ '\mnextval\M'$$,
    ARRAY['count_sinks', 'stage_documents']::name[],
    'sequences count what nobody depends on, and give positions that are compared with the rows'
);

-- What the tables refuse by themselves, whoever writes; on a topic of this test's own, for writers may be at work.
DO $$ BEGIN PERFORM khala.register_topic('pgtap.schema', p_ownership => 'mixed'); END $$;
SELECT throws_ok(
    'UPDATE runtime.sync_topic_retention SET retention_floor = 0 WHERE topic = ''pgtap.schema''', '23514', NULL,
    'a floor below the first watermark'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
