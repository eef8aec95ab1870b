-- Verify khala:functions on pg
-- Loads everything again and compares: nothing may be missing or granted otherwise. The transaction is rolled back.

BEGIN;
\ir ../session.sql

CREATE FUNCTION pg_temp.code()
RETURNS text
LANGUAGE sql
AS $$
SELECT pg_catalog.string_agg(o.described, E'\n' ORDER BY o.described)
FROM (
    SELECT pg_catalog.concat_ws(' ', p.oid::regprocedure, p.proowner::regrole, p.prosecdef, p.proacl) AS described
    FROM pg_catalog.pg_proc AS p
    WHERE p.pronamespace IN ('khala'::regnamespace, 'khala_internal'::regnamespace, 'lightning'::regnamespace)
    UNION ALL
    SELECT pg_catalog.concat_ws(' ', c.oid::regclass, c.relowner::regrole, c.relacl)
    FROM pg_catalog.pg_class AS c
    WHERE c.relnamespace = 'khala'::regnamespace
) AS o
$$;
SELECT pg_catalog.set_config('khala_verify.found', pg_temp.code(), TRUE) IS NULL AS nothing_found;

\ir ../functions.sql

DO $$
BEGIN
    ASSERT pg_catalog.current_setting('khala_verify.found') = pg_temp.code(),
        'functions and views must exist, belong to khala_owner and be granted as in db/functions and db/views';
    ASSERT (
        SELECT pg_catalog.count(*) = 1
        FROM pg_catalog.pg_attrdef AS d
        INNER JOIN pg_catalog.pg_attribute AS a ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        -- How the server prints the expression depends on settings.
        INNER JOIN pg_catalog.pg_depend AS o
            ON d.oid = o.objid AND o.classid = 'pg_catalog.pg_attrdef'::regclass
                AND o.refobjid = 'khala_internal.traceparent()'::regprocedure
        WHERE d.adrelid = 'runtime.sync_stream_events'::regclass AND a.attname = 'traceparent'
    ), 'the column traceparent of the journal must default to khala_internal.traceparent()';
    ASSERT (
        SELECT pg_catalog.count(*) = 1
        FROM pg_catalog.pg_trigger AS t
        WHERE t.tgrelid = 'runtime.sync_topic_sequences'::regclass AND t.tgname = 'sync_topic_sequences_wake'
            AND t.tgenabled = 'A' AND pg_catalog.cardinality(t.tgattr) = 1
    ), 'the trigger sync_topic_sequences_wake must be enabled for every writer, and fire only when a topic is armed or disarmed';
    ASSERT (
        SELECT pg_catalog.count(*) = 6
        FROM pg_catalog.pg_trigger AS t
        WHERE t.tgfoid = 'khala_internal.refuse_history_change()'::regprocedure AND t.tgenabled = 'O'
            AND t.tgrelid IN (
                'runtime.entity_events'::regclass, 'runtime.run_events'::regclass,
                'runtime.codex_worker_events'::regclass
            )
    ), 'events must be append-only in the parent table and in both partitions';
    ASSERT NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_class AS c
        CROSS JOIN (VALUES ('khala_relay'), ('khala_runtime'), ('public')) AS r (role)
        WHERE c.relnamespace IN ('khala'::regnamespace, 'runtime'::regnamespace)
            AND c.relkind IN ('r', 'p', 'v', 'm')
            AND pg_catalog.has_table_privilege(r.role, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
            AND NOT (
                r.role = 'khala_runtime' AND c.relnamespace = 'runtime'::regnamespace AND c.relkind = 'v'
                AND NOT pg_catalog.has_table_privilege(r.role, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
            )
    ), 'khala_relay, khala_runtime and PUBLIC may have no privilege on a table or view, except SELECT of khala_runtime on read models';
END
$$;

ROLLBACK;
