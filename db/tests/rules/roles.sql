BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(130);

-- Runs a statement as a role and gives its first column; the role is left whatever happens.
CREATE FUNCTION pg_temp.as_role(p_role text, p_sql text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_result text;
BEGIN
    PERFORM set_config('role', p_role, TRUE);
    EXECUTE p_sql INTO v_result;
    PERFORM set_config('role', 'none', TRUE);
    RETURN v_result;
END
$$;
CREATE FUNCTION pg_temp.functions_of(p_role text)
RETURNS SETOF text LANGUAGE sql AS $$
SELECT p.proname::text FROM pg_proc AS p
WHERE p.pronamespace = 'khala'::regnamespace AND has_function_privilege(p_role, p.oid, 'EXECUTE')
$$;

DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.roles', p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.roles', 'k', 1, '{}');
END
$$;

-- The roles themselves.
SELECT has_role(r.name, r.name || ' is there')
FROM (VALUES ('khala_owner'), ('khala_runtime'), ('khala_relay'), ('khala_dba'), ('khala_publisher')) AS r (name);
SELECT ok(
    NOT (r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolcanlogin OR r.rolreplication OR r.rolbypassrls),
    r.rolname || ' is a group: it cannot log in and has no power over the cluster'
)
FROM pg_roles AS r WHERE r.rolname IN ('khala_owner', 'khala_runtime', 'khala_relay', 'khala_dba', 'khala_publisher') ORDER BY r.rolname;
SELECT is_empty(
    $$SELECT r.rolname, g.rolname FROM pg_roles AS r CROSS JOIN pg_roles AS g
      WHERE r.rolname IN ('khala_runtime', 'khala_relay', 'khala_dba', 'khala_publisher') AND r.oid <> g.oid AND pg_has_role(r.oid, g.oid, 'MEMBER')$$,
    'none of them is a member of another role'
);

-- Everybody: nothing.
SELECT is_empty(
    $$SELECT p.oid::regprocedure FROM pg_proc AS p
      WHERE p.pronamespace IN ('khala'::regnamespace, 'khala_internal'::regnamespace) AND has_function_privilege('public', p.oid, 'EXECUTE')$$,
    'no function is executable by everybody'
);
SELECT is_empty(
    $$SELECT n.nspname FROM pg_namespace AS n CROSS JOIN (VALUES ('USAGE'), ('CREATE')) AS p (privilege)
      WHERE n.nspname IN ('khala', 'khala_internal', 'runtime') AND has_schema_privilege('public', n.oid, p.privilege)$$,
    'no schema can be used by everybody'
);
SELECT is_empty(
    $$SELECT c.oid::regclass FROM pg_class AS c
      CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE'), ('REFERENCES'), ('TRIGGER')) AS p (privilege)
      WHERE c.relnamespace IN ('khala'::regnamespace, 'runtime'::regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm')
          AND has_table_privilege('public', c.oid, p.privilege)$$,
    'no table or view is open to everybody'
);

-- What each may execute, and nothing else.
SELECT set_eq(
    $$SELECT f FROM pg_temp.functions_of('khala_relay') AS f$$,
    ARRAY[
        'admin_activity', 'admin_documents', 'admin_flags', 'admin_history', 'admin_organisations', 'admin_parity',
        'admin_publishers', 'admin_relays', 'admin_retention', 'admin_topics',
        'page_identity', 'page_session', 'report_relay', 'sign_in_page', 'sign_out_page',
        'arm', 'authenticate_api_key', 'canonical_json', 'check_cursors',
        'current_epoch', 'ensure_epoch', 'event_age', 'flags_of', 'grouped_topics', 'head_watermarks', 'hydrate', 'get_codex_worker', 'get_run', 'list_codex_worker_events', 'list_codex_workers', 'list_run_events', 'mark_lost_runs', 'mark_stale_workers', 'max_payload_bytes', 'parse_payload', 'payload_hash', 'payload_hash_text', 'projection_version', 'replay', 'replay_binary', 'replay_feed', 'replay_feed_binary',
        'request_codex_worker', 'revocations', 'schema_version', 'scopes_beyond', 'sequence', 'snapshot', 'stop_codex_worker', 'subsets_beyond', 'telemetry', 'traces'
    ], 'what a relay may call'
);
SELECT set_eq(
    $$SELECT f FROM pg_temp.functions_of('khala_runtime') AS f$$,
    ARRAY[
        'acknowledge_codex_worker_request', 'append_codex_worker_event', 'append_run_event', 'canonical_json', 'codex_worker_requests',
        'count_entities', 'current_epoch', 'get_document', 'grouped_topics', 'head_watermarks', 'ingest_events', 'parse_payload', 'payload_hash', 'payload_hash_text', 'project_codex_worker', 'project_run',
        'projection_version', 'query_documents', 'rebuild_projection', 'rebuild_projections', 'schema_version', 'sequence', 'sink', 'sink_batch', 'sink_delete', 'topic_holders'
    ], 'what a runtime may call'
);
SELECT set_eq(
    $$SELECT f FROM pg_temp.functions_of('khala_dba') AS f$$,
    ARRAY[
        'archive_runs', 'attach', 'attached_change', 'attachment_drift', 'canonical_json', 'check_cursors', 'count_entities', 'create_api_key',
        'create_page_link', 'end_page_session', 'list_page_sessions',
        'current_epoch', 'database_fingerprint', 'detach', 'ensure_epoch', 'finish_parity_cycle', 'forget', 'get_document', 'grouped_topics', 'head_watermarks', 'judge_parity', 'list_api_keys', 'list_flags', 'list_publishers', 'list_revocations', 'list_rows_set_aside', 'list_set_aside', 'mark_lost_runs', 'mark_stale_workers', 'new_epoch', 'parity_gates', 'parity_window', 'parse_payload', 'payload_hash', 'payload_hash_text',
        'project_codex_worker', 'project_run', 'projection_version', 'query_documents', 'rebuild_projection', 'rebuild_projections', 'register_attachment', 'register_topic',
        'retain', 'revocations', 'revoke', 'revoke_api_key', 'remove_attachment', 'remove_flag', 'remove_publisher', 'remove_topic', 'retry_set_aside', 'schema_version', 'sequence', 'set_flag', 'set_publisher', 'set_publisher_topic', 'set_topic', 'set_topic_schema', 'set_topic_writes', 'start_parity_cycle', 'telemetry', 'topic_holders', 'topic_schemas'
    ], 'what an administrator may call'
);
SELECT set_eq(
    $$SELECT f FROM pg_temp.functions_of('khala_publisher') AS f$$,
    ARRAY['list_publishers', 'open_publisher', 'publisher_next', 'publisher_report'], 'what a publisher may call'
);

-- The API is what is granted, and what is granted is the API.
SELECT is_empty(
    $$SELECT p.oid::regprocedure FROM pg_proc AS p
      WHERE p.pronamespace = 'khala'::regnamespace AND NOT EXISTS (
          SELECT FROM (VALUES ('khala_runtime'), ('khala_relay'), ('khala_dba'), ('khala_publisher')) AS r (name)
          WHERE has_function_privilege(r.name, p.oid, 'EXECUTE')
      )
      UNION ALL
      SELECT p.oid::regprocedure FROM pg_proc AS p
      CROSS JOIN (VALUES ('khala_runtime'), ('khala_relay'), ('khala_dba'), ('khala_publisher')) AS r (name)
      WHERE p.pronamespace = 'khala_internal'::regnamespace AND has_function_privilege(r.name, p.oid, 'EXECUTE')$$,
    'each function of schema khala is granted to a role, none of khala_internal is'
);
SELECT is_empty(
    $$SELECT c.oid::regclass FROM pg_class AS c
      WHERE c.relnamespace = 'khala'::regnamespace AND NOT has_table_privilege('khala_dba', c.oid, 'SELECT')$$,
    'each view of schema khala is granted'
);

-- Tables: whatever there is, read models of topics registered since among it, which a runtime may read.
SELECT is_empty(
    format(
        $$SELECT c.oid::regclass, p.privilege FROM pg_class AS c
          CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('REFERENCES')) AS p (privilege)
          WHERE c.relnamespace IN ('khala'::regnamespace, 'runtime'::regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
              AND (has_table_privilege(%1$L, c.oid, p.privilege) OR has_any_column_privilege(%1$L, c.oid, p.privilege))
              AND NOT (
                  %1$L = 'khala_runtime' AND p.privilege = 'SELECT' AND c.relkind = 'v'
                  AND c.relname IN (SELECT t.read_model FROM runtime.sync_topics AS t)
              )
          UNION ALL
          SELECT c.oid::regclass, p.privilege FROM pg_class AS c
          CROSS JOIN (VALUES ('DELETE'), ('TRUNCATE'), ('TRIGGER')) AS p (privilege)
          WHERE c.relnamespace IN ('khala'::regnamespace, 'runtime'::regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
              AND has_table_privilege(%1$L, c.oid, p.privilege)
          UNION ALL
          SELECT c.oid::regclass, p.privilege FROM pg_class AS c
          CROSS JOIN (VALUES ('USAGE'), ('SELECT'), ('UPDATE')) AS p (privilege)
          WHERE c.relnamespace IN ('khala'::regnamespace, 'runtime'::regnamespace) AND c.relkind = 'S'
              AND has_sequence_privilege(%1$L, c.oid, p.privilege)$$, r.name
    ), r.name || ' has no table, view, column or sequence but what it is given'
)
FROM (VALUES ('khala_relay'), ('khala_runtime'), ('khala_publisher')) AS r (name);
SELECT set_eq(
    $$SELECT c.oid::regclass::text FROM pg_class AS c
      WHERE c.relnamespace IN ('khala'::regnamespace, 'runtime'::regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
          AND has_table_privilege('khala_dba', c.oid, 'SELECT')$$,
    ARRAY['khala.attachments', 'khala.parity_stats', 'khala.projection_stats', 'khala.publisher_stats', 'khala.retention_stats', 'khala.sink_stats', 'khala.topic_stats', 'runtime.archived_run_events', 'runtime.archived_runs', 'runtime.attachment_set_aside', 'runtime.attachments', 'runtime.sync_revocations', 'runtime.sync_topics'],
    'an administrator reads statistics, settings, revocations and archived runs'
);
SELECT is_empty(
    $$SELECT c.oid::regclass, p.privilege FROM pg_class AS c
      CROSS JOIN (VALUES ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE'), ('REFERENCES'), ('TRIGGER')) AS p (privilege)
      WHERE c.relnamespace IN ('khala'::regnamespace, 'runtime'::regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
          AND has_table_privilege('khala_dba', c.oid, p.privilege)$$,
    'and changes no table as a whole'
);
SELECT is_empty(
    $$SELECT a.attrelid::regclass, a.attname FROM pg_attribute AS a INNER JOIN pg_class AS c ON a.attrelid = c.oid
      WHERE c.relnamespace IN ('khala'::regnamespace, 'runtime'::regnamespace) AND c.relkind IN ('r', 'p', 'v')
          AND a.attnum > 0 AND has_column_privilege('khala_dba', a.attrelid, a.attnum, 'INSERT, UPDATE, REFERENCES')$$,
    'nor a column: khala.set_topic has the rules'
);
SELECT is_empty(
    $$SELECT a.attrelid::regclass, a.attname FROM pg_attribute AS a INNER JOIN pg_class AS c ON a.attrelid = c.oid
      WHERE c.relnamespace IN ('khala'::regnamespace, 'runtime'::regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
          AND a.attnum > 0 AND NOT a.attisdropped AND c.oid <> 'runtime.sync_topics'::regclass
          AND has_column_privilege('khala_dba', a.attrelid, a.attnum, 'UPDATE')$$,
    'of topics'
);
SELECT is(
    concat_ws(' ', has_schema_privilege(r.name, 'khala', 'USAGE'), has_schema_privilege(r.name, 'khala', 'CREATE'),
        has_schema_privilege(r.name, 'runtime', 'USAGE'), has_schema_privilege(r.name, 'runtime', 'CREATE'),
        has_schema_privilege(r.name, 'khala_internal', 'USAGE'), has_schema_privilege(r.name, 'khala_internal', 'CREATE')), r.privileges,
    r.name || ': the schemas'
)
FROM (VALUES ('khala_relay', 't f f f f f'), ('khala_publisher', 't f f f f f'), ('khala_runtime', 't f t f f f'), ('khala_dba', 't f t f f f'), ('khala_owner', 't t t t t t')) AS r (name, privileges);
SELECT is_empty(
    $$SELECT r.rolname, d.objid, d.classid::regclass FROM pg_shdepend AS d INNER JOIN pg_roles AS r ON d.refobjid = r.oid
      WHERE d.refclassid = 'pg_authid'::regclass AND d.deptype = 'o' AND r.rolname IN ('khala_relay', 'khala_runtime', 'khala_dba', 'khala_publisher')
          AND d.dbid IN (0, (SELECT b.oid FROM pg_database AS b WHERE b.datname = current_database()))$$,
    'they own nothing'
);

-- SECURITY DEFINER.
SELECT is_empty(
    $$SELECT p.oid::regprocedure FROM pg_proc AS p
      WHERE p.pronamespace IN ('khala'::regnamespace, 'khala_internal'::regnamespace, 'runtime'::regnamespace) AND p.prosecdef
          AND NOT 'search_path=pg_catalog, pg_temp' = ANY(coalesce(p.proconfig, '{}'))$$,
    'whatever runs as the owner looks in pg_catalog first and in the caller''s temporary schema last'
);
SELECT is_empty(
    $$SELECT p.oid::regprocedure FROM pg_proc AS p
      WHERE p.pronamespace IN ('khala'::regnamespace, 'khala_internal'::regnamespace) AND p.proowner <> 'khala_owner'::regrole$$, 'and the owner is khala_owner'
);
SELECT is_empty(
    $$SELECT p.oid::regprocedure FROM pg_proc AS p
      WHERE p.pronamespace IN ('khala'::regnamespace, 'khala_internal'::regnamespace) AND NOT p.prosecdef
          AND 'search_path=pg_catalog, pg_temp' <> ALL(coalesce(p.proconfig, '{}')) AND p.prosqlbody IS NULL$$,
    'the others do the same, or have a body that was bound when it was created'
);

-- Tried out: what a relay does.
SELECT lives_ok(format('SELECT pg_temp.as_role(%L, %L)', 'khala_relay', v.statement), 'a relay may: ' || v.statement)
FROM (
    VALUES
    ('SELECT khala.schema_version()'), ('SELECT khala.current_epoch()'), ('SELECT khala.ensure_epoch()'),
    ('SELECT khala.check_cursors(ARRAY[''pgtap.roles''], ''{"pgtap.roles": 0}'', NULL, ARRAY[''pgtap.roles''])'),
    ('SELECT khala.replay(''pgtap.roles'', 0, ''a'')'), ('SELECT khala.replay_feed(''pgtap.roles'', 0)'),
    ('SELECT khala.snapshot(''pgtap.roles'', ''a'')'), ('SELECT khala.hydrate(''pgtap.roles'', ''k'', ''a'')'),
    ('SELECT khala.arm(''pgtap.roles'', 1)'), ('SELECT khala.head_watermarks(ARRAY[''pgtap.roles''])'), ('SELECT khala.canonical_json(''{"é": 1.5}'')'),
    ('SELECT khala.payload_hash_text(''{}'')'), ('SELECT khala.parse_payload(''{}'')')
) AS v (statement);
SELECT throws_ok(format('SELECT pg_temp.as_role(%L, %L)', 'khala_relay', v.statement), '42501', NULL, 'a relay may not: ' || v.statement)
FROM (
    VALUES
    ('SELECT khala.sink(''pgtap.roles'', ''k'', 2, ''{}'')'), ('SELECT khala.sink_delete(''pgtap.roles'', ''k'', 2)'),
    ('SELECT khala.sink_batch(''pgtap.roles'', ''[]'')'), ('SELECT khala_internal.write_documents(''pgtap.roles'', ''{k}'', ''{2}'', ''{o}'', ARRAY[''{}''::jsonb], ''{f}'')'),
    ('SELECT khala_internal.allocate_watermark(''pgtap.roles'')'), ('SELECT khala.retain(''pgtap.roles'')'), ('SELECT khala.new_epoch()'),
    ('SELECT khala.register_topic(''pgtap.roles_other'', p_ownership => ''mixed'')'), ('SELECT khala.database_fingerprint()'),
    ('SELECT khala_internal.open_cursor(''pgtap.roles'', 0, NULL)'), ('SELECT khala_internal.update_text(''t'', ''k'', 1, 1, '''', FALSE, NULL)'),
    ('SELECT khala_internal.wire_integer(1)'), ('SELECT khala_internal.refuse_topic(''x'')'), ('SELECT khala.append_run_event(''r'', ''x'')'),
    ('SELECT khala.project_run(''r'')'), ('SELECT khala.ingest_events(''[]'')'), ('SELECT khala.revoke(''sub'', ''x'')'),
    ('SELECT khala.list_api_keys()'), ('SELECT khala.list_revocations()'), ('SELECT khala.revoke_api_key(''key00001'')'),
    ('SELECT khala.create_api_key(''key00001'', sha256(''x''), ''l'', ''s'', ''o'', ARRAY[''pgtap.roles''])'),
    ('SELECT count(*) FROM runtime.api_keys'), ('SELECT count(*) FROM runtime.sync_revocations'),
    ('SELECT count(*) FROM khala.topic_stats'), ('SELECT count(*) FROM khala.retention_stats'),
    ('SELECT count(*) FROM runtime.sync_topics'), ('SELECT count(*) FROM runtime.sync_documents'),
    ('SELECT count(*) FROM runtime.sync_pgtap_roles'), ('SELECT count(*) FROM runtime.sync_stream_events'),
    ('INSERT INTO runtime.sync_epochs (epoch, reason, fingerprint) VALUES (''x'', ''x'', ''x'') RETURNING epoch'),
    ('UPDATE runtime.sync_topic_sequences SET armed = TRUE RETURNING topic'), ('DELETE FROM runtime.sync_documents RETURNING topic'),
    ('TRUNCATE runtime.sync_stream_events'), ('SELECT ''runtime.sync_topics''::regclass'),
    ('CREATE TABLE khala.x ()'), ('CREATE TABLE runtime.x ()'), ('CREATE SCHEMA pgtap_x'),
    ('CREATE FUNCTION khala.x() RETURNS integer LANGUAGE sql AS ''SELECT 1'''), ('DROP FUNCTION khala.schema_version()'),
    ('ALTER FUNCTION khala.schema_version() SECURITY DEFINER'),
    ('CREATE ROLE pgtap_x')
) AS v (statement);

-- A runtime and an administrator.
SELECT lives_ok(format('SELECT pg_temp.as_role(%L, %L)', v.role, v.statement), format('%s may: %s', v.role, v.statement))
FROM (
    VALUES
    ('khala_runtime', 'SELECT khala.sink(''pgtap.roles'', ''k'', 2, ''{}'')'), ('khala_runtime', 'SELECT khala.sink_delete(''pgtap.roles'', ''k'', 3)'),
    ('khala_runtime', 'SELECT khala.sink_batch(''pgtap.roles'', ''[{"doc_key": "l", "doc_version": 1, "payload": {"é": 1}}]'')'),
    ('khala_runtime', 'SELECT count(*) FROM runtime.sync_pgtap_roles'),
    ('khala_dba', 'SELECT khala.register_topic(''pgtap.roles_other'', p_ownership => ''mixed'')'), ('khala_dba', 'SELECT khala.retain(''pgtap.roles'', now() + ''1 day'', ''0'')'),
    ('khala_dba', 'SELECT khala.new_epoch()'), ('khala_dba', 'SELECT khala.ensure_epoch()'), ('khala_dba', 'SELECT khala.database_fingerprint()'),
    ('khala_dba', 'SELECT khala.check_cursors(ARRAY[''pgtap.roles''])'), ('khala_dba', 'SELECT s.topic FROM khala.topic_stats AS s'),
    ('khala_dba', 'SELECT s.topic FROM khala.retention_stats AS s'),
    ('khala_dba', 'SELECT khala.set_topic(''pgtap.roles'', p_retention_horizon => ''1 day'')'),
    ('khala_dba', 'SELECT khala.remove_topic(''pgtap.roles_other'')')
) AS v (role, statement);
SELECT throws_ok(format('SELECT pg_temp.as_role(%L, %L)', v.role, v.statement), '42501', NULL, format('%s may not: %s', v.role, v.statement))
FROM (
    VALUES
    ('khala_runtime', 'SELECT khala.replay(''pgtap.roles'', 0, ''a'')'), ('khala_runtime', 'SELECT khala.replay_feed(''pgtap.roles'', 0)'),
    ('khala_runtime', 'SELECT khala.hydrate(''pgtap.roles'', ''k'', ''a'')'), ('khala_runtime', 'SELECT khala.snapshot(''pgtap.roles'', ''a'')'),
    ('khala_runtime', 'SELECT khala.arm(''pgtap.roles'', 1)'), ('khala_runtime', 'SELECT khala.retain()'),
    ('khala_runtime', 'SELECT khala.register_topic(''pgtap.x'', p_ownership => ''mixed'')'), ('khala_runtime', 'SELECT khala_internal.write_documents(''pgtap.roles'', ''{k}'', ''{2}'', ''{o}'', ARRAY[''{}''::jsonb], ''{f}'')'),
    ('khala_runtime', 'SELECT count(*) FROM runtime.sync_documents'), ('khala_runtime', 'SELECT khala_internal.allocate_watermark(''pgtap.roles'')'),
    ('khala_dba', 'SELECT khala.sink(''pgtap.roles'', ''k'', 9, ''{}'')'), ('khala_dba', 'SELECT khala.replay(''pgtap.roles'', NULL, ''a'')'),
    ('khala_dba', 'SELECT count(*) FROM runtime.sync_documents'), ('khala_dba', 'SELECT count(*) FROM runtime.api_keys'),
    ('khala_runtime', 'SELECT khala.revoke(''sub'', ''x'')'), ('khala_dba', 'SELECT khala.authenticate_api_key(''key00001'', sha256(''x''))'),
    ('khala_dba', 'SELECT count(*) FROM runtime.sync_stream_events'),
    ('khala_dba', 'UPDATE runtime.sync_topics SET retention_horizon = ''1 day'' RETURNING topic'), ('khala_runtime', 'SELECT khala.set_topic(''pgtap.roles'')'),
    ('khala_runtime', 'SELECT khala.remove_topic(''pgtap.roles'')'), ('khala_publisher', 'SELECT khala.replay(''pgtap.roles'', NULL, ''a'')'), ('khala_publisher', 'SELECT khala.set_publisher(''p'')'), ('khala_publisher', 'SELECT count(*) FROM runtime.publishers'), ('khala_dba', 'UPDATE runtime.sync_topic_retention SET retention_floor = 1 RETURNING topic')
) AS v (role, statement);

-- A login that is a member of khala_relay and of nothing else cannot become anybody else.
CREATE ROLE pgtap_relay_login IN ROLE khala_relay;
DO $$ BEGIN EXECUTE format('GRANT pgtap_relay_login TO %I', current_user); END $$;
SELECT is_empty(
    $$SELECT r.rolname FROM pg_roles AS r WHERE r.rolname <> 'khala_relay' AND r.rolname <> 'pgtap_relay_login'
      AND pg_has_role('pgtap_relay_login', r.oid, 'MEMBER')$$, 'a relay''s login is a relay and nothing else'
);
SELECT lives_ok(
    $$SELECT pg_temp.as_role('pgtap_relay_login', 'SELECT khala.replay(''pgtap.roles'', NULL, ''a'')')$$, 'and can do its work'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
