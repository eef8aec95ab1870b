BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(5);

CREATE FUNCTION pg_temp.list(p_length integer, p_end text) RETURNS jsonb LANGUAGE sql AS $$
SELECT (repeat('{"next": ', p_length) || p_end || repeat('}', p_length))::jsonb
$$;
CREATE TABLE pg_temp.list_schema AS
SELECT '{"$ref": "#/$defs/L", "$defs": {"L": {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#/$defs/L"}, {"type": "null"}]}}}}}'::jsonb AS schema;

SELECT results_eq(
    'SELECT f.path, f.fault FROM pg_temp.list_schema AS s CROSS JOIN khala_internal.payload_fault(s.schema, ' || c.payload || ') AS f',
    format('VALUES (%L::text, %L::text)', c.path, c.fault), c.title
)
FROM (
    VALUES
    ('pg_temp.list(3, ''null'')', NULL, NULL, 'what matches has no fault'),
    ('pg_temp.list(2, ''1'')', '/next/next', 'matches no alternative of anyOf', 'what does not has one'),
    -- It would take years if each level were looked at twice.
    ('pg_temp.list(30, ''1'')', repeat('/next', 30), 'matches no alternative of anyOf', 'a fault far inside is found'),
    ('pg_temp.list(3000, ''null'')', '', 'cannot be checked: stack depth limit exceeded', 'what is too deep to be checked has a fault')
) AS c (payload, path, fault, title);
SELECT is(f.fault, 'is number, and has to be object', 'the root has no path')
FROM pg_temp.list_schema AS s CROSS JOIN khala_internal.payload_fault(s.schema, '1') AS f;

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
