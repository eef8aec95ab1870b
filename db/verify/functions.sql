-- Verify khala:functions on pg

BEGIN;

DO $$
BEGIN
    ASSERT khala.schema_version() = 1, 'schema version must be 1';
    ASSERT NOT EXISTS (
        SELECT
        FROM (
            VALUES
            ('khala.allocate_watermark(text,integer)'), ('khala.sink(text,text,bigint,jsonb,text)'),
            ('khala.sink_batch(text,jsonb)'), ('khala.sink_delete(text,text,bigint,text)'),
            ('khala.check_cursors(text[],jsonb,text,text[])'),
            ('khala.replay(text,bigint,text,integer,integer,text)'),
            ('khala.replay_feed(text,bigint,integer,integer,text)'),
            ('khala.snapshot(text,text,text,integer,bigint,integer)'), ('khala.hydrate(text,text,text)'),
            ('khala.retain(text,timestamptz,interval,integer)'), ('khala.arm(text[],bigint[])'),
            ('khala.current_epoch()'), ('khala.new_epoch(text)'), ('khala.ensure_epoch()'),
            ('khala.register_topic(text,text,text,integer,interval,boolean,text)'),
            ('khala.payload_hash(jsonb)'), ('khala.parse_payload(text)')
        ) AS f (signature)
        WHERE pg_catalog.to_regprocedure(f.signature) IS NULL
    ), 'every function of the API must exist';
    ASSERT NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace = 'khala'::pg_catalog.regnamespace
            AND (p.proowner <> 'khala_owner'::pg_catalog.regrole
                OR pg_catalog.has_function_privilege('public', p.oid, 'EXECUTE'))
    ), 'every function must belong to khala_owner and none may be executable by PUBLIC';
END
$$;

ROLLBACK;
