BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(22);

SELECT lives_ok(format('SELECT khala_internal.check_filters(%L)', v.filters), 'taken: ' || left(v.filters, 60))
FROM (
    VALUES
    ('{}'), ('{"t": {"keys": ["a"]}}'), ('{"t": {"prefix": ""}, "u": {"prefix": "é"}}'),
    (jsonb_build_object('t', jsonb_build_object('keys', (SELECT jsonb_agg(repeat('x', 512)) FROM generate_series(1, 1000))))::text)
) AS v (filters);
SELECT lives_ok('SELECT khala_internal.check_filters(NULL)', 'none');
SELECT throws_ok(format('SELECT khala_internal.check_filters(%L)', v.filters), 'KH007', v.message, v.message)
FROM (
    VALUES
    ('[]', 'filters is not an object but a JSON array'),
    ('null', 'filters is not an object but a JSON null'),
    ('{"t": "x/"}', 'filters["t"] is not an object but a JSON string'),
    ('{"t": null}', 'filters["t"] is not an object but a JSON null'),
    ('{"t": {}}', 'filters["t"] has the members none'),
    ('{"t": {"key": "a"}}', 'filters["t"] has the members key'),
    ('{"t": {"keys": ["a"], "prefix": "a"}}', 'filters["t"] has the members keys, prefix'),
    ('{"t": {"keys": ["a"], "more": 1}}', 'filters["t"] has the members keys, more'),
    ('{"t": {"prefix": 1}}', 'filters["t"].prefix is not a string but a JSON number'),
    ('{"t": {"prefix": null}}', 'filters["t"].prefix is not a string but a JSON null'),
    (format('{"t": {"prefix": "%s"}}', repeat('x', 513)), 'filters["t"].prefix has 513 characters'),
    ('{"t": {"keys": {"a": 1}}}', 'filters["t"].keys is not an array but a JSON object'),
    ('{"t": {"keys": []}}', 'filters["t"].keys has 0 members'),
    (jsonb_build_object('t', jsonb_build_object('keys', (SELECT jsonb_agg('x'::text) FROM generate_series(1, 1001))))::text, 'filters["t"].keys has 1001 members'),
    ('{"t": {"keys": ["a", 1]}}', 'filters["t"].keys holds 1, which is no document key'),
    ('{"t": {"keys": [""]}}', 'filters["t"].keys holds "", which is no document key'),
    ('{"t": {"keys": [null]}}', 'filters["t"].keys holds null, which is no document key')
) AS v (filters, message);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
