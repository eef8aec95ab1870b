-- Verify khala:functions on pg

BEGIN;

DO $$
BEGIN
    ASSERT khala.schema_version() = 1, 'schema version must be 1';
    ASSERT NOT EXISTS (
        SELECT
        FROM (
            VALUES
            ('khala_internal.allocate_watermark(text, integer)'),
            ('khala.append_codex_worker_event(text, text, jsonb, text, bigint, timestamptz)'),
            ('khala_internal.append_event(text, text, text, jsonb, text, bigint, timestamptz)'),
            ('khala.append_run_event(text, text, jsonb, text, bigint, timestamptz)'),
            ('khala.arm(text[], bigint[])'),
            ('khala.authenticate_api_key(text, bytea)'),
            ('khala.canonical_json(jsonb)'),
            ('khala_internal.canonical_json(jsonb, integer)'),
            ('khala_internal.canonical_json_by_level(jsonb)'),
            ('khala_internal.canonical_number(numeric)'),
            ('khala_internal.canonical_of(jsonb)'),
            ('khala_internal.canonical_of_plain(jsonb)'),
            ('khala.check_cursors(text[], jsonb, text, text[])'),
            ('khala_internal.check_event(text, text, text, jsonb, text, bigint, timestamptz)'),
            ('khala_internal.check_event_document(jsonb)'),
            ('khala_internal.check_page_limits(integer, integer)'),
            ('khala.count_entities(text)'),
            ('khala_internal.count_sinks(text, integer)'),
            ('khala.create_api_key(text, bytea, text, text, text, text[], timestamptz)'),
            ('khala.current_epoch()'),
            ('khala.database_fingerprint()'),
            ('khala.ensure_epoch()'),
            ('khala.event_age(text, bigint)'),
            ('khala_internal.feed_until(text, bigint, bigint, integer, integer)'),
            ('khala_internal.feed_updates(text, bigint, bigint)'),
            ('khala.head_watermarks(text[])'),
            ('khala.hydrate(text, text, text)'),
            ('khala.ingest_events(jsonb)'),
            ('khala_internal.is_plain_json(text)'),
            ('khala_internal.is_writable(text, bigint, text, jsonb, boolean, boolean)'),
            ('khala_internal.iso_timestamp(timestamptz)'),
            ('khala_internal.judge_document(bigint, bytea, text, boolean, bigint, bytea, text)'),
            ('khala.list_api_keys()'),
            ('khala.new_epoch(text)'),
            ('khala_internal.number_text(numeric)'),
            ('khala_internal.open_cursor(text, bigint, text)'),
            ('khala_internal.page_rows(text, bigint, bigint, text)'),
            ('khala_internal.page_tail(text, boolean, bigint, bigint)'),
            ('khala_internal.page_tail_bytes(text, boolean, bigint, bigint)'),
            ('khala_internal.page_until(text, bigint, bigint, text, integer, integer)'),
            ('khala.parse_payload(text)'),
            ('khala.payload_hash(jsonb)'),
            ('khala.payload_hash_text(jsonb)'),
            ('khala_internal.payload_text(jsonb, integer)'),
            ('khala.project_codex_worker(text)'),
            ('khala_internal.project_entities(text, text[], boolean)'),
            ('khala.project_run(text)'),
            ('khala_internal.projection_of(text)'),
            ('khala.projection_version()'),
            ('khala_internal.proto_short(integer)'),
            ('khala_internal.proto_varint(bigint)'),
            ('khala_internal.rebuild_entities(text, text[])'),
            ('khala.rebuild_projection(text, text)'),
            ('khala.rebuild_projections(text, text, integer)'),
            ('khala_internal.refuse_document(integer, text, bigint, text, jsonb, boolean)'),
            ('khala_internal.refuse_history_change()'),
            ('khala_internal.refuse_payloads(integer, text[], jsonb[], boolean[])'),
            ('khala_internal.refuse_size(integer, text, text, integer, integer)'),
            ('khala_internal.refuse_suppressed_write(text)'),
            ('khala_internal.refuse_topic(text)'),
            ('khala.register_topic(text, text, text, integer, interval, boolean, text)'),
            ('khala.replay(text, bigint, text, integer, integer, text)'),
            ('khala.replay_binary(text, bigint, text, integer, integer, text)'),
            ('khala.replay_feed(text, bigint, integer, integer, text)'),
            ('khala.replay_feed_binary(text, bigint, integer, integer, text)'),
            ('khala.retain(text, timestamptz, interval, integer)'),
            ('khala.max_payload_bytes()'),
            ('khala.revocations(bigint)'),
            ('khala.revoke(text, text, timestamptz, text)'),
            ('khala.revoke_api_key(text)'),
            ('khala.schema_version()'),
            ('khala.sink(text, text, bigint, jsonb, text)'),
            ('khala.sink_batch(text, jsonb)'),
            ('khala.sink_delete(text, text, bigint, text)'),
            ('khala.snapshot(text, text, text, integer, bigint, integer)'),
            ('khala_internal.stored_documents(text, text[])'),
            ('khala_internal.summarize_entities(text, text[])'),
            ('khala_internal.sync_topic_sequences_wake()'),
            ('khala_internal.update_bytes(text, text, bigint, bigint, bytea, boolean, text)'),
            ('khala_internal.update_text(text, text, bigint, bigint, bytea, boolean, text)'),
            ('khala.telemetry()'),
            ('khala_internal.topic_lock_key(text)'),
            ('khala_internal.traceparent()'),
            ('khala.traces(text, bigint, bigint, integer)'),
            ('khala_internal.utf16_sort_key(text)'),
            ('khala_internal.wire_integer(bigint)'),
            ('khala_internal.write_document(text, text, bigint, text, jsonb, boolean)'),
            ('khala_internal.write_documents(text, integer, text[], bigint[], text[], jsonb[], boolean[])')
        ) AS f (signature)
        WHERE pg_catalog.to_regprocedure(f.signature) IS NULL
    ), 'every function must exist';
    ASSERT NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace IN ('khala'::pg_catalog.regnamespace, 'khala_internal'::pg_catalog.regnamespace)
            AND (p.proowner <> 'khala_owner'::pg_catalog.regrole
                OR pg_catalog.has_function_privilege('public', p.oid, 'EXECUTE'))
    ), 'every function must belong to khala_owner and none may be executable by PUBLIC';
    ASSERT NOT EXISTS (
        SELECT
        FROM (
            VALUES
            ('khala_runtime', 'khala.sink(text,text,bigint,jsonb,text)'),
            ('khala_runtime', 'khala.sink_batch(text,jsonb)'),
            ('khala_runtime', 'khala.sink_delete(text,text,bigint,text)'),
            ('khala_runtime', 'khala.append_run_event(text,text,jsonb,text,bigint,timestamptz)'),
            ('khala_runtime', 'khala.append_codex_worker_event(text,text,jsonb,text,bigint,timestamptz)'),
            ('khala_runtime', 'khala.ingest_events(jsonb)'),
            ('khala_relay', 'khala.check_cursors(text[],jsonb,text,text[])'),
            ('khala_relay', 'khala.replay(text,bigint,text,integer,integer,text)'),
            ('khala_relay', 'khala.replay_feed(text,bigint,integer,integer,text)'),
            ('khala_relay', 'khala.snapshot(text,text,text,integer,bigint,integer)'),
            ('khala_relay', 'khala.hydrate(text,text,text)'),
            ('khala_relay', 'khala.arm(text[],bigint[])'),
            ('khala_relay', 'khala.head_watermarks(text[])'),
            ('khala_relay', 'khala.ensure_epoch()'),
            ('khala_relay', 'khala.event_age(text,bigint)'),
            ('khala_relay', 'khala.telemetry()'),
            ('khala_relay', 'khala.traces(text,bigint,bigint,integer)'),
            ('khala_dba', 'khala.register_topic(text,text,text,integer,interval,boolean,text)'),
            ('khala_dba', 'khala.retain(text,timestamptz,interval,integer)'),
            ('khala_dba', 'khala.new_epoch(text)')
        ) AS f (role, signature)
        INNER JOIN pg_catalog.pg_proc AS p ON p.oid = pg_catalog.to_regprocedure(f.signature)
        WHERE NOT p.prosecdef OR NOT pg_catalog.has_function_privilege(f.role, p.oid, 'EXECUTE')
    ), 'each role must be able to call its functions, which must run with their owner''s rights';
    ASSERT NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace IN ('khala'::pg_catalog.regnamespace, 'khala_internal'::pg_catalog.regnamespace)
            AND p.prosqlbody IS NULL
            AND NOT 'search_path=pg_catalog, pg_temp' = ANY (coalesce(p.proconfig, '{}'))
    ), 'every function whose body is not bound must have a fixed search path';
    ASSERT NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_class AS c
        CROSS JOIN (VALUES ('khala_relay'), ('khala_runtime'), ('public')) AS r (role)
        WHERE c.relnamespace IN ('khala'::pg_catalog.regnamespace, 'runtime'::pg_catalog.regnamespace)
            AND c.relkind IN ('r', 'p', 'v', 'm')
            AND pg_catalog.has_table_privilege(r.role, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
    ), 'neither the relay nor the runtime nor PUBLIC may touch a table or view';
END
$$;

ROLLBACK;
