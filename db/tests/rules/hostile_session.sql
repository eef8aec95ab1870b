BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(21);

-- Key functions, called in their roles by sessions that are out to mislead them: with an empty search_path, and with one
-- that puts impostors of every operator, function, type and table that the functions use before the real ones, under
-- settings that change what literals mean and how values print. The answers must be those an ordinary session gets.

-- Impostors. Each says so when it is called.
CREATE SCHEMA pgtap_evil;
GRANT USAGE ON SCHEMA pgtap_evil TO public;
DO $$
DECLARE
    v_made record;
    v_bodies text := (
        SELECT string_agg(pg_get_functiondef(p.oid), ' ') FROM pg_proc AS p WHERE p.pronamespace IN ('khala'::regnamespace, 'khala_internal'::regnamespace)
    );
BEGIN
    FOR v_made IN
        SELECT p.proname, pg_get_function_identity_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS result,
            row_number() OVER () AS place
        FROM pg_proc AS p
        WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND p.provariadic = 0 AND p.proallargtypes IS NULL
            AND p.prorettype NOT IN ('internal'::regtype, 'trigger'::regtype, 'event_trigger'::regtype)
            AND NOT EXISTS (
                SELECT FROM unnest(p.proargtypes) AS a (type) INNER JOIN pg_type AS y ON a.type = y.oid
                WHERE y.typtype = 'p' AND y.typname NOT IN ('anyelement', 'anyarray')
            )
            AND (p.prorettype NOT IN ('anyelement'::regtype, 'anyarray'::regtype, 'anycompatible'::regtype) OR p.pronargs > 0)
            AND v_bodies ~* ('\m' || p.proname || '\s*\(')
    LOOP
        EXECUTE format(
            'CREATE FUNCTION pgtap_evil.%I(%s) RETURNS %s LANGUAGE plpgsql AS $f$BEGIN RAISE EXCEPTION ''hijacked''; END$f$',
            v_made.proname, v_made.arguments, v_made.result
        );
    END LOOP;
    FOR v_made IN
        SELECT o.oprname, format_type(o.oprleft, NULL) AS l, format_type(o.oprright, NULL) AS r,
            format_type(o.oprresult, NULL) AS result, 'operator_' || row_number() OVER () AS name
        FROM pg_operator AS o
        WHERE o.oprnamespace = 'pg_catalog'::regnamespace AND o.oprleft <> 0 AND o.oprright <> 0
            AND o.oprleft = ANY('{text,name,bigint,integer,numeric,float8,boolean,bytea,jsonb,timestamptz,interval,oid}'::regtype[])
            AND o.oprright = ANY('{text,name,bigint,integer,numeric,float8,boolean,bytea,jsonb,timestamptz,interval,oid,text[]}'::regtype[])
    LOOP
        EXECUTE format(
            'CREATE FUNCTION pgtap_evil.%I(%s, %s) RETURNS %s LANGUAGE plpgsql AS $f$BEGIN RAISE EXCEPTION ''hijacked''; END$f$',
            v_made.name, v_made.l, v_made.r, v_made.result
        );
        EXECUTE format(
            'CREATE OPERATOR pgtap_evil.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = pgtap_evil.%I)',
            v_made.oprname, v_made.l, v_made.r, v_made.name
        );
    END LOOP;
    FOR v_made IN
        SELECT c.relname FROM pg_class AS c
        WHERE c.relkind IN ('r', 'p', 'v')
            AND (
                c.relnamespace = 'runtime'::regnamespace
                OR c.relname IN ('pg_database', 'pg_class', 'pg_proc', 'pg_roles', 'pg_type', 'pg_namespace')
                AND c.relnamespace = 'pg_catalog'::regnamespace
            )
    LOOP
        EXECUTE format('CREATE TABLE pgtap_evil.%I (hijacked boolean)', v_made.relname);
        EXECUTE format('CREATE TABLE pg_temp.%I (hijacked boolean)', v_made.relname);
    END LOOP;
    FOR v_made IN SELECT d.name FROM unnest(ARRAY['text', 'jsonb', 'bytea', 'timestamptz', 'json']) AS d (name) LOOP
        EXECUTE format('CREATE DOMAIN pgtap_evil.%I AS integer', v_made.name);
        EXECUTE format('CREATE DOMAIN pg_temp.%I AS integer', v_made.name);
    END LOOP;
END
$$;

CREATE TABLE pgtap_evil.sessions (
    session pg_catalog.text PRIMARY KEY, search_path pg_catalog.text NOT NULL, settings pg_catalog.jsonb NOT NULL
);
INSERT INTO pgtap_evil.sessions VALUES
-- First, so that nothing was planned under a friendly one.
(
    'hostile', 'pgtap_evil, pg_temp, pg_catalog',
    '{"standard_conforming_strings": "off", "escape_string_warning": "off", "extra_float_digits": "-15", "bytea_output": "escape",
      "IntervalStyle": "sql_standard", "DateStyle": "German, DMY", "TimeZone": "Asia/Kathmandu", "quote_all_identifiers": "on",
      "enable_indexscan": "off", "plan_cache_mode": "force_generic_plan", "transform_null_equals": "on", "array_nulls": "off"}'
),
('empty', '', '{}'),
('ordinary', '"$user", public', '{}');

CREATE TABLE pgtap_evil.answers (session pg_catalog.text, step integer, answer pg_catalog.text);

-- Runs a statement as a role under a session's settings; <topic> stands for a topic of the session's own, <enum> for its other name.
CREATE FUNCTION pgtap_evil.ask(p_session pg_catalog.text, p_step integer, p_role pg_catalog.text, p_sql pg_catalog.text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_answer pg_catalog.text;
    v_sql pg_catalog.text := pg_catalog.replace(
        pg_catalog.replace(p_sql, '<enum>', 'SYNC_TOPIC_PGTAP_' || pg_catalog.upper(p_session)), '<topic>', 'pgtap.' || p_session
    );
    v_session record;
    v_setting record;
    v_own_path pg_catalog.text := pg_catalog.current_setting('search_path');
BEGIN
    SELECT s.* INTO v_session FROM pgtap_evil.sessions AS s WHERE s.session = p_session;
    FOR v_setting IN SELECT e.key, e.value FROM pg_catalog.jsonb_each_text(v_session.settings) AS e LOOP
        PERFORM pg_catalog.set_config(v_setting.key, v_setting.value, TRUE);
    END LOOP;
    PERFORM pg_catalog.set_config('role', p_role, TRUE);
    PERFORM pg_catalog.set_config('search_path', v_session.search_path, TRUE);
    EXECUTE v_sql INTO v_answer;
    PERFORM pg_catalog.set_config('search_path', v_own_path, TRUE);
    PERFORM pg_catalog.set_config('role', 'none', TRUE);
    FOR v_setting IN SELECT e.key FROM pg_catalog.jsonb_each_text(v_session.settings) AS e LOOP
        EXECUTE pg_catalog.format('RESET %I', v_setting.key);
    END LOOP;
    INSERT INTO pgtap_evil.answers VALUES (p_session, p_step, v_answer);
END
$$;

CREATE TABLE pgtap_evil.script (step integer PRIMARY KEY, role pg_catalog.text, statement pg_catalog.text);
INSERT INTO pgtap_evil.script VALUES
(1, 'khala_dba', 'SELECT khala.register_topic(''<topic>'', p_enum_name => ''<enum>'', p_inline_limit_bytes => 60, p_ownership => ''mixed'')'),
(2, 'khala_runtime', 'SELECT s FROM khala.sink(''<topic>'', ''é'', 1, ''{"b": 1.5e-9, "a": "x", "é": 0.1234567890123456}'', ''a'') AS s'),
(3, 'khala_runtime', 'SELECT s FROM khala.sink(''<topic>'', ''é'', 1, ''{"b": 1.5e-9, "a": "x", "é": 0.1234567890123456}'', ''b'') AS s'),
(4, 'khala_runtime', 'SELECT s FROM khala.sink_delete(''<topic>'', ''gone'', 1) AS s'),
(5, 'khala_runtime', 'SELECT pg_catalog.array_agg(s) FROM khala.sink_batch(''<topic>'', ''[{"doc_key": "k", "doc_version": 1, "payload": {}}, {"doc_key": "k", "doc_version": 2, "payload": {"n": [1e21]}}, {"doc_key": "é", "doc_version": 2, "deleted": true}, {"doc_key": "large", "doc_version": 1, "payload": {"x": "123456789012345678901234567890123456789012345678901234567890"}}]'') AS s'),
(6, 'khala_relay', 'SELECT pg_catalog.array_agg(c) FROM khala.check_cursors(ARRAY[''<topic>''], ''{"<enum>": 3}'', khala.current_epoch(), ARRAY[''<topic>'']) AS c'),
(7, 'khala_relay', 'SELECT r FROM khala.replay(''<topic>'', 0, ''a'') AS r'),
(8, 'khala_relay', 'SELECT r FROM khala.replay(''<enum>'', NULL, NULL, 2, 1000, khala.current_epoch()) AS r'),
(9, 'khala_relay', 'SELECT pg_catalog.array_agg(f) FROM khala.replay_feed(''<topic>'', 0) AS f'),
(10, 'khala_relay', 'SELECT s FROM khala.snapshot(''<topic>'', ''b'', NULL, 1) AS s'),
(11, 'khala_relay', 'SELECT khala.hydrate(''<topic>'', ''large'', NULL)'),
(12, 'khala_relay', 'SELECT khala.arm(''<topic>'', 7)'),
(13, 'khala_relay', 'SELECT khala.ensure_epoch() IS NOT NULL'),
(14, 'khala_relay', 'SELECT khala.payload_hash_text(khala.parse_payload(''{"z": [1.5e-9, 1e300, 0.1000000000000000055511151231257827021181583404541015625], "é": null, "😀": 9007199254740992}''))'),
(15, 'khala_relay', 'SELECT khala.canonical_json(''{"z": [1.5e-9, 1e300], "é": null, "😀": 9007199254740992, "a": {"b": []}}'')'),
(16, 'khala_dba', 'SELECT r FROM khala.retain(''<topic>'', ''2100-01-01 00:00:00+00'', ''1 day'', 2) AS r'),
(17, 'khala_dba', 'SELECT s.head_watermark FROM khala.topic_stats AS s WHERE s.topic OPERATOR(pg_catalog.=) ''<topic>'''),
(18, 'khala_dba', 'SELECT khala.new_epoch(''pgtap'') IS NOT NULL');

DO $$
DECLARE
    v_ask record;
BEGIN
    FOR v_ask IN
        SELECT s.session, c.step, c.role, c.statement FROM pgtap_evil.script AS c CROSS JOIN pgtap_evil.sessions AS s
        ORDER BY c.step, s.session = 'ordinary', s.session = 'empty'
    LOOP
        PERFORM pgtap_evil.ask(v_ask.session, v_ask.step, v_ask.role, v_ask.statement);
    END LOOP;
END
$$;

-- A temporary schema comes first for types and tables: in this session too.
DO $$
DECLARE
    v_impostor record;
BEGIN
    FOR v_impostor IN
        SELECT CASE y.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TABLE' END AS kind, y.oid::pg_catalog.regtype AS name
        FROM pg_catalog.pg_type AS y
        WHERE y.typnamespace = pg_catalog.pg_my_temp_schema() AND y.typtype IN ('c', 'd')
            AND (y.typtype = 'd' OR EXISTS (
                SELECT FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = y.typrelid AND a.attname = 'hijacked'
            ))
    LOOP
        EXECUTE pg_catalog.format('DROP %s %s', v_impostor.kind, v_impostor.name);
    END LOOP;
END
$$;

-- The impostors are there, and are what such a session meets.
SELECT throws_ok(
    $$SELECT pgtap_evil.ask('hostile', 0, 'khala_relay', v.statement) FROM (VALUES ('SELECT 1::bigint > 0::bigint')) AS v (statement)$$,
    'P0001', 'hijacked', 'an operator is an impostor'
);
SELECT throws_ok(
    $$SELECT pgtap_evil.ask('hostile', 0, 'khala_relay', 'SELECT ''x''::text')$$, '22P02', NULL,
    'a type is an impostor: this one takes only numbers'
);
SELECT throws_ok(
    $$SELECT pgtap_evil.ask('hostile', 0, 'khala_relay', 'SELECT jsonb_typeof(pg_catalog.to_jsonb(1))')$$, 'P0001', 'hijacked',
    'a function is an impostor'
);

SELECT is(
    a.hostile || ' | ' || a.empty, a.ordinary || ' | ' || a.ordinary, format('step %s: the same answers: %s', a.step, left(a.ordinary, 40))
)
FROM (
    SELECT g.step,
        max(replace(replace(g.answer, 'pgtap.hostile', 'T'), 'SYNC_TOPIC_PGTAP_HOSTILE', 'E')) FILTER (WHERE g.session = 'hostile') AS hostile,
        max(replace(replace(g.answer, 'pgtap.empty', 'T'), 'SYNC_TOPIC_PGTAP_EMPTY', 'E')) FILTER (WHERE g.session = 'empty') AS empty,
        max(replace(replace(g.answer, 'pgtap.ordinary', 'T'), 'SYNC_TOPIC_PGTAP_ORDINARY', 'E')) FILTER (WHERE g.session = 'ordinary') AS ordinary
    FROM pgtap_evil.answers AS g GROUP BY g.step
) AS a
ORDER BY a.step;

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
