BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(90);

CREATE FUNCTION pg_temp.failure(p_sql text)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_detail text;
    v_hint text;
BEGIN
    EXECUTE p_sql;
    RETURN NULL;
EXCEPTION
    WHEN SQLSTATE 'KH007' OR SQLSTATE 'KH008' THEN
        GET STACKED DIAGNOSTICS v_detail = PG_EXCEPTION_DETAIL, v_hint = PG_EXCEPTION_HINT;
        RETURN jsonb_build_object('detail', v_detail, 'hint', v_hint);
END
$$;

SELECT is(khala.register_topic('pgtap.orders'), 'pgtap.orders', 'it returns the topic');
SELECT results_eq(
    $$SELECT t.enum_name, t.read_model, t.payload_mode, t.inline_limit_bytes, t.retention_horizon, t.ownership
      FROM runtime.sync_topics AS t WHERE t.topic = 'pgtap.orders'$$,
    $$VALUES (NULL::text, 'sync_pgtap_orders', 'auto', 262144, '7 days'::interval, 'owned')$$, 'the default settings'
);
SELECT results_eq(
    $$SELECT s.head_watermark, s.armed, r.retention_floor, r.purges
      FROM runtime.sync_topic_sequences AS s INNER JOIN runtime.sync_topic_retention AS r ON s.topic = r.topic
      WHERE s.topic = 'pgtap.orders'$$,
    $$VALUES (0::bigint, FALSE, 1::bigint, 0::bigint)$$, 'nothing was written or purged yet'
);
SELECT has_view('runtime', 'sync_pgtap_orders', 'its read model is a view');
SELECT view_owner_is('runtime', 'sync_pgtap_orders', 'khala_owner', 'owned as the others');
SELECT table_privs_are('runtime', 'sync_pgtap_orders', 'khala_runtime', ARRAY['SELECT'], 'that a runtime may read');
SELECT is(
    obj_description('runtime.sync_pgtap_orders'::regclass, 'pg_class'), 'Read model of topic pgtap.orders',
    'and a comment'
);
SELECT is(
    (SELECT array_agg(w.outcome) FROM khala.sink('pgtap.orders', 'k', 1, '{}', 'acme') AS w), ARRAY['applied'],
    'it can be written to in the same transaction'
);
SELECT results_eq(
    'SELECT d.doc_key, d.doc_version, d.payload FROM runtime.sync_pgtap_orders AS d',
    $$VALUES ('k' COLLATE "C", 1::bigint, '{}'::jsonb)$$, 'and has the documents of its topic'
);

-- Again.
SELECT is(khala.register_topic('pgtap.orders'), 'pgtap.orders', 'again with the same settings: nothing happens');
SELECT is(
    khala.register_topic('pgtap.orders', p_retention_horizon => '168 hours'), 'pgtap.orders',
    'the same settings written differently'
);
SELECT is(
    (SELECT s.head_watermark FROM runtime.sync_topic_sequences AS s WHERE s.topic = 'pgtap.orders'), 1::bigint,
    'the topic keeps its head'
);
SELECT throws_ok(
    'SELECT khala.register_topic(''pgtap.orders'', ' || v.setting || ')', 'KH008', NULL, 'other settings: ' || v.setting
)
FROM (
    VALUES
    ('p_read_model => ''sync_other'''), ('p_payload_mode => ''pointer'''), ('p_inline_limit_bytes => 1'),
    ('p_retention_horizon => ''1 day'''), ('p_ownership => ''public'''), ('p_enum_name => ''SYNC_TOPIC_PGTAP_ORDERS''')
) AS v (setting);
SELECT is(
    (pg_temp.failure($$SELECT khala.register_topic('pgtap.orders', p_ownership => 'public')$$) ->> 'detail')::jsonb
    -> 'ownership', '"owned"'::jsonb, 'DETAIL has the settings there are'
);
SELECT isnt(
    pg_temp.failure($$SELECT khala.register_topic('pgtap.orders', p_ownership => 'public')$$) ->> 'hint', '',
    'and HINT says what to do'
);

-- Settings of one's own.
SELECT is(
    khala.register_topic(
        'pgtap.custom', 'sync_my_model', 'inline', 1024, '1 hour', 'public', 'SYNC_TOPIC_PGTAP_CUSTOM'
    ), 'pgtap.custom', 'every setting can be given'
);
SELECT results_eq(
    $$SELECT t.enum_name, t.read_model, t.payload_mode, t.inline_limit_bytes, t.retention_horizon, t.ownership
      FROM runtime.sync_topics AS t WHERE t.topic = 'pgtap.custom'$$,
    $$VALUES ('SYNC_TOPIC_PGTAP_CUSTOM', 'sync_my_model', 'inline', 1024, '1 hour'::interval, 'public')$$, 'and is kept'
);
SELECT is(khala.register_topic('runtime.pgtap'), 'runtime.pgtap', 'a topic of the runtime');
SELECT has_view('runtime', 'sync_pgtap', 'does not repeat the schema in the name of its read model');
SELECT is(
    khala.register_topic('p' || repeat('.a', 99), 'sync_pgtap_long'), 'p' || repeat('.a', 99), 'a long name'
);

-- Names in use.
SELECT throws_ok('SELECT khala.register_topic(' || v.arguments || ')', 'KH008', NULL, 'in use: ' || v.what)
FROM (
    VALUES
    ('''pgtap_orders''', 'a read model named alike'),
    ('''pgtap.x'', ''sync_my_model''', 'a read model'),
    ('''pgtap.x'', p_enum_name => ''SYNC_TOPIC_PGTAP_CUSTOM''', 'an enum name'),
    ('''runtime.stream_events''', 'the journal'), ('''runtime.documents''', 'the table of all documents'),
    ('''pgtap.x'', ''sync_topics''', 'the catalogue'), ('''pgtap.x'', ''sync_epochs''', 'the epochs')
) AS v (arguments, what);

-- Unusable arguments; among them names that would be SQL.
SELECT throws_ok(
    format('SELECT khala.register_topic(%L)', v.topic), 'KH007', NULL, 'not a topic: ' || coalesce(to_json(v.topic)::text, 'null')
)
FROM (
    VALUES
    (NULL), (''), ('.'), ('a.'), ('.a'), ('a..b'), ('A'), ('a.B'), ('1a'), ('a.1'), ('_a'), ('a-b'), ('a b'),
    (' a'), ('a '), (E'a\n'), (E'a\nb'), ('a"b'), ('a''b'), ('a); DROP TABLE runtime.sync_topics; --'),
    ('a''); SELECT 1; --'), ('é'), ('a%s'), ('a\b')
) AS v (topic);
SELECT throws_ok(
    format('SELECT khala.register_topic(%L)', repeat('a', 201)), 'KH007', NULL, 'not a topic: 201 characters'
);
SELECT throws_ok(
    format('SELECT khala.register_topic(''pgtap.x'', %L)', v.read_model), 'KH007', NULL,
    'not a read model: ' || to_json(left(v.read_model, 60))
)
FROM (
    VALUES
    (''), ('orders'), ('sync_'), ('sync_1'), ('sync_A'), ('sync_a.b'), ('sync_a"; DROP SCHEMA runtime; --'),
    ('"sync_a"'), (E'sync_a\n'), ('sync_' || repeat('a', 52))
) AS v (read_model);
SELECT throws_ok('SELECT khala.register_topic(''pgtap.x'', ' || v.setting || ')', 'KH007', NULL, 'not usable: ' || left(v.setting, 60))
FROM (
    VALUES
    ('p_payload_mode => ''both'''), ('p_payload_mode => NULL'), ('p_inline_limit_bytes => 0'),
    ('p_inline_limit_bytes => 16777217'), ('p_inline_limit_bytes => NULL'), ('p_retention_horizon => ''0'''),
    ('p_retention_horizon => ''-1 day'''), ('p_retention_horizon => NULL'), ('p_ownership => NULL'), ('p_ownership => ''shared'''),
    ('p_retention_horizon => ''1001 years'''),
    ('p_writes => ''both'''), ('p_enum_name => ''pgtap.x'''), ('p_enum_name => ''SYNC_TOPIC_'''), ('p_enum_name => ''SYNC_TOPIC_a'''),
    ('p_enum_name => ''SYNC_TOPIC_' || repeat('A', 200) || '''')
) AS v (setting);
SELECT is(khala.register_topic('pgtap.in_groups', p_writes => 'grouped'), 'pgtap.in_groups', 'a grouped topic');
SELECT is((SELECT s.outcome FROM khala.sink('pgtap.in_groups', 'k', 1, '{}', 'acme') AS s), 'staged', 'its writes are staged');
SELECT is(khala.register_topic('pgtap.in_groups', p_writes => 'grouped'), 'pgtap.in_groups', 'once more');
SELECT is(khala.register_topic('pgtap.in_groups'), 'pgtap.in_groups', 'without saying: as it is');
SELECT is((SELECT t.writes FROM runtime.sync_topics AS t WHERE t.topic = 'pgtap.in_groups'), 'grouped', 'it stays grouped');
SELECT throws_ok(
    $$SELECT khala.register_topic('pgtap.in_groups', p_writes => 'direct')$$, 'KH008', NULL, 'other writes are other settings'
);
SELECT is(
    (SELECT count(*) FROM runtime.sync_topics AS t WHERE t.topic = 'pgtap.x'), 0::bigint,
    'what was refused left nothing'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
