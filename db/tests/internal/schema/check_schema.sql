BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(48);

SELECT throws_ok(format('SELECT khala_internal.check_schema(%1$L, %1$L)', c.schema), 'KH007', NULL, 'refused: ' || c.schema)
FROM (
    VALUES
    ('1'),
    ('[]'),
    ('"x"'),
    ('{"if": {}}'),
    ('{"not": {}}'),
    ('{"properties": {"a": {"patternProperties": {}}}}'),
    ('{"type": "text"}'),
    ('{"type": []}'),
    ('{"type": 1}'),
    ('{"type": ["string", {}]}'),
    ('{"pattern": "("}'),
    ('{"pattern": 1}'),
    ('{"pattern": "***=x"}'),
    ('{"pattern": "(?i)x"}'),
    ('{"pattern": "\\bx"}'),
    ('{"pattern": "^[a]\\\\\\Ax"}'),
    ('{"$ref": "other.json"}'),
    ('{"$ref": "#/$defs/T"}'),
    ('{"$ref": "#/"}'),
    ('{"$ref": null}'),
    ('{"minLength": -1}'),
    ('{"minLength": 1.5}'),
    ('{"minLength": [1]}'),
    ('{"minimum": "1"}'),
    ('{"multipleOf": 0}'),
    ('{"title": 1}'),
    ('{"uniqueItems": 1}'),
    ('{"required": "a"}'),
    ('{"required": [1]}'),
    ('{"enum": []}'),
    ('{"enum": 1}'),
    ('{"anyOf": []}'),
    ('{"anyOf": {}}'),
    ('{"anyOf": [1]}'),
    ('{"properties": []}'),
    ('{"properties": {"a": 1}}'),
    ('{"items": [{}]}'),
    ('{"$defs": {"T": {"contains": {}}}}')
) AS c (schema);
SELECT lives_ok(format('SELECT khala_internal.check_schema(%1$L, %1$L)', c.schema), 'allowed: ' || c.schema)
FROM (
    VALUES
    ('{}'),
    ('true'),
    ('{"type": ["string", "null"], "x-mine": 1, "format": "date", "title": "t", "default": []}'),
    ('{"$defs": {"a b": {}}, "allOf": [{"$ref": "#/$defs/a b"}]}'),
    ('{"definitions": {"T": {}}, "$ref": "#/definitions/T"}'),
    ('{"properties": {"children": {"items": {"$ref": "#"}}}}'),
    ('{"type": "string", "contentEncoding": "base64", "contentMediaType": "application/json"}'),
    ('{"pattern": "\\\\b[.]\\w"}'),
    ('{"items": false, "minItems": 0, "multipleOf": 0.01, "pattern": "^\\d{2}(?=x)", "required": [], "enum": [null]}')
) AS c (schema);
SELECT throws_ok(
    $$SELECT khala_internal.check_schema('{"properties": {"a": {"if": {}}}}', '{}')$$, 'KH007',
    'the schema at /properties/a has the keyword ''if'', which Khala does not check', 'the place is named'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
