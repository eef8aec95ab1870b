BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(43);

CREATE TYPE public.pgtap_mood AS ENUM ('sad', 'ok');
CREATE TYPE public.pgtap_pair AS (n numeric, m public.pgtap_mood, b bigint);
CREATE DOMAIN public.pgtap_count AS bigint;
-- Would run with the rights of khala_owner if it were called.
CREATE FUNCTION public.pgtap_evil(public.pgtap_mood) RETURNS json LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'called'; END $$;
CREATE FUNCTION public.pgtap_evil_text(public.pgtap_mood) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'called'; END $$;
CREATE CAST (public.pgtap_mood AS json) WITH FUNCTION public.pgtap_evil(public.pgtap_mood);
CREATE CAST (public.pgtap_mood AS text) WITH FUNCTION public.pgtap_evil_text(public.pgtap_mood);
SET LOCAL "TimeZone" = 'UTC';
SET LOCAL "IntervalStyle" = 'iso_8601';
CREATE FUNCTION pg_temp.json_of(p_value text, p_type text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_json jsonb;
BEGIN
    EXECUTE format('SELECT %s FROM (SELECT %L::%s AS v) AS x', (khala_internal.json_rule('x.v', p_type::regtype)).expression, p_value, p_type)
    INTO v_json;
    RETURN v_json::text;
END
$$;
SELECT is(pg_temp.json_of(c.value, c.type), c.expected, c.type || ' ' || coalesce(c.value, 'null'))
FROM (
    VALUES
    ('t', 'boolean', 'true'), ('7', 'integer', '7'), (NULL, 'integer', NULL),
    ('9007199254740991', 'bigint', '9007199254740991'), ('9007199254740992', 'bigint', '"9007199254740992"'),
    ('-9007199254740992', 'bigint', '"-9007199254740992"'), ('1.10', 'numeric', '"1.10"'), ('NaN', 'numeric', '"NaN"'),
    ('0.1', 'double precision', '0.1'), ('-Infinity', 'double precision', '"-Infinity"'), ('\x00ff', 'bytea', '"\\x00ff"'),
    ('[1,5)', 'int4range', '"[1,5)"'), ('1 year 2 days', 'interval', '"P1Y2D"'),
    ('2026-01-01 12:00+02', 'timestamptz', '"2026-01-01T10:00:00+00:00"'), ('infinity', 'timestamptz', '"infinity"'),
    ('{"a": [1]}', 'jsonb', '{"a": [1]}'), ('{1,9007199254740993}', 'bigint[]', '["1", "9007199254740993"]'),
    ('{1.0,NULL}', 'numeric[]', '["1.0", null]'), ('{{1,2},{3,4}}', 'integer[]', '[[1, 2], [3, 4]]'), ('ok', 'public.pgtap_mood', '"ok"'),
    ('{ok,NULL}', 'public.pgtap_mood[]', '["ok", null]'), ('{}', 'public.pgtap_mood[]', '[]'),
    ('(1.50,sad,9007199254740993)', 'public.pgtap_pair', '{"b": "9007199254740993", "m": "sad", "n": "1.50"}'),
    ('{"(1,ok,)",NULL}', 'public.pgtap_pair[]', '[{"b": null, "m": "ok", "n": "1"}, null]'),
    ('9007199254740993', 'public.pgtap_count', '"9007199254740993"')
) AS c (value, type, expected);

-- Each type once, and that its values match the schema.
CREATE TYPE public.pgtap_inner AS (f double precision, a public.pgtap_mood []);
SELECT is(
    (khala_internal.json_rule('x', c.type::regtype, c.dimensions)).schema::jsonb || jsonb_build_object('may be a string', (khala_internal.json_rule('x', c.type::regtype, c.dimensions)).may_be_string),
    c.expected::jsonb || jsonb_build_object('may be a string', c.may_be_string), 'schema of ' || c.type
)
FROM (
    VALUES
    ('boolean', 1, '{"type": "boolean"}', FALSE), ('smallint', 1, '{"type": "integer"}', FALSE),
    ('bigint', 1, '{"type": ["integer", "string"]}', FALSE), ('public.pgtap_count', 1, '{"type": ["integer", "string"]}', FALSE),
    ('real', 1, '{"type": ["number", "string"]}', TRUE), ('numeric', 1, '{"type": "string"}', FALSE),
    ('timestamptz', 1, '{"type": "string"}', FALSE), ('json', 1, '{}', TRUE), ('jsonb', 1, '{}', TRUE),
    ('public.pgtap_mood', 1, '{"type": "string", "enum": ["sad", "ok"]}', FALSE),
    ('integer[]', 1, '{"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}', FALSE),
    ('text[]', 2, '{"type": "array", "items": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "null"}]}}}', FALSE),
    ('jsonb[]', 1, '{"type": "array", "items": {}}', TRUE),
    ('bigint[]', 1, '{"type": "array", "items": {"anyOf": [{"type": ["integer", "string"]}, {"type": "null"}]}}', FALSE),
    ('public.pgtap_mood[]', 1, '{"type": "array", "items": {"anyOf": [{"type": "string", "enum": ["sad", "ok"]}, {"type": "null"}]}}', FALSE),
    ('public.pgtap_mood[]', 2, '{"type": "array", "items": {"anyOf": [{"type": "string", "enum": ["sad", "ok"]}, {"type": "null"}]}}', TRUE),
    ('public.pgtap_inner', 1, '{"type": "object", "additionalProperties": false, "required": ["f", "a"], "properties": {"f": {"anyOf": [{"type": ["number", "string"]}, {"type": "null"}]}, "a": {"anyOf": [{"type": "array", "items": {"anyOf": [{"type": "string", "enum": ["sad", "ok"]}, {"type": "null"}]}}, {"type": "null"}]}}}', TRUE),
    ('int4range', 1, '{"type": "string"}', FALSE)
) AS c (type, dimensions, expected, may_be_string);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
