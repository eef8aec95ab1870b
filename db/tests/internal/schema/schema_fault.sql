BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(42);

SELECT is(
    f.path || ' ' || f.fault, c.path || ' ' || c.fault, c.schema || ' of ' || c.value
)
FROM (
    VALUES
    ('{}', '1', NULL, NULL),
    ('true', '1', NULL, NULL),
    ('false', '1', '', 'is not allowed'),
    ('{"type": "string"}', '"x"', NULL, NULL),
    ('{"type": "string"}', '1', '', 'is number, and has to be string'),
    ('{"type": ["string", "null"]}', 'true', '', 'is boolean, and has to be string or null'),
    ('{"type": "integer"}', '2.0', NULL, NULL),
    ('{"type": "integer"}', '2.5', '', 'is number, and has to be integer'),
    ('{"enum": ["a", {"b": 1}]}', '{"b": 1}', NULL, NULL),
    ('{"enum": ["a", {"b": 1}]}', '{"b": 1, "c": 2}', '', 'is none of ["a", {"b": 1}]'),
    ('{"const": 1}', '1.0', NULL, NULL),
    ('{"const": 1}', '2', '', 'is not 1'),
    ('{"minimum": 2}', '1', '', 'is less than 2'),
    ('{"minimum": 2}', '"1"', NULL, NULL),
    ('{"maximum": 2}', '3', '', 'is more than 2'),
    ('{"exclusiveMinimum": 2}', '2', '', 'is not more than 2'),
    ('{"exclusiveMaximum": 2}', '2', '', 'is not less than 2'),
    ('{"multipleOf": 0.1}', '0.3', NULL, NULL),
    ('{"multipleOf": 0.1}', '0.35', '', 'is no multiple of 0.1'),
    ('{"minLength": 2}', '"é"', '', 'has less than 2 characters'),
    ('{"maxLength": 1}', '"éé"', '', 'has more than 1 characters'),
    ('{"pattern": "^[a-z]+$"}', '"a1"', '', 'does not match the pattern "^[a-z]+$"'),
    ('{"pattern": "b"}', '"abc"', NULL, NULL),
    ('{"minItems": 1}', '[]', '', 'has less than 1 elements'),
    ('{"maxItems": 1}', '[1, 2]', '', 'has more than 1 elements'),
    ('{"uniqueItems": true}', '[1, 1.0]', '', 'has an element twice'),
    ('{"minProperties": 1}', '{}', '', 'has less than 1 members'),
    ('{"maxProperties": 0}', '{"a": 1}', '', 'has more than 0 members'),
    ('{"required": ["a", "b/c"]}', '{"a": 1}', '/b~1c', 'is missing'),
    ('{"properties": {"a": {"type": "null"}}}', '{"a": 1}', '/a', 'is number, and has to be null'),
    ('{"properties": {"a": {"type": "null"}}}', '{"b": 1}', NULL, NULL),
    ('{"properties": {"a": {}}, "additionalProperties": false}', '{"a": 1, "b": 1}', '/b', 'is not in the schema'),
    ('{"additionalProperties": {"type": "string"}}', '{"b": 1}', '/b', 'is number, and has to be string'),
    ('{"propertyNames": {"maxLength": 1}}', '{"bb": 1}', '/bb', 'has a name that has more than 1 characters'),
    ('{"properties": {}, "maxProperties": 0}', '{"a": 1}', '', 'has more than 0 members'),
    ('{"items": {"type": "string"}}', '["a", 1]', '/1', 'is number, and has to be string'),
    ('{"allOf": [{"required": ["a"]}, {"required": ["b"]}]}', '{"a": 1}', '/b', 'is missing'),
    ('{"anyOf": [{"type": "null"}, {"properties": {"a": {"type": "null"}}}]}', '{"a": 1}', '/a', 'is number, and has to be null'),
    ('{"anyOf": [{"type": "null"}, {"type": "string"}]}', '1', '', 'matches no alternative of anyOf'),
    ('{"oneOf": [{"type": "number"}, {"type": "integer"}]}', '1', '', 'matches more than one alternative of oneOf'),
    ('{"$ref": "#/$defs/T", "$defs": {"T": {"properties": {"t": {"$ref": "#/$defs/T"}, "n": {"type": "null"}}}}}', '{"t": {"t": {"n": 1}}}', '/t/t/n', 'is number, and has to be null'),
    ('{"properties": {"t": {"$ref": "#"}, "n": {"type": "null"}}}', '{"t": {"t": {"n": 1}}}', '/t/t/n', 'is number, and has to be null')
) AS c (schema, value, path, fault)
CROSS JOIN LATERAL khala_internal.schema_fault(c.schema::jsonb, c.value::jsonb, c.schema::jsonb) AS f;

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
