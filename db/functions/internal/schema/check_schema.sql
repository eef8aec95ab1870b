-- Refuses a JSON Schema that khala_internal.schema_fault does not check completely: a keyword that were ignored would let
-- through what it forbids. This is the only place with the list of keywords.

CREATE OR REPLACE FUNCTION khala_internal.check_schema(p_schema jsonb, p_root jsonb, p_path text DEFAULT '')
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_where CONSTANT text := CASE WHEN p_path = '' THEN 'the schema' ELSE 'the schema at ' || p_path END;
    v_keyword record;
    v_part record;
    v_escape text;
BEGIN
    IF coalesce(jsonb_typeof(p_schema) NOT IN ('object', 'boolean'), TRUE) THEN
        RAISE EXCEPTION '% is no object but a JSON %', v_where, coalesce(jsonb_typeof(p_schema), 'nothing')
            USING ERRCODE = 'KH007', HINT = 'Write a JSON Schema, such as {"type": "object", "properties": {"total": {"type": "string"}}}.';
    ELSIF jsonb_typeof(p_schema) = 'boolean' THEN
        RETURN;
    END IF;
    FOR v_keyword IN
        SELECT k.key, k.value, r.kind
        FROM jsonb_each(p_schema) AS k
        LEFT JOIN (
            VALUES
            ('type', 'types'), ('enum', 'values'), ('const', 'any'), ('$ref', 'reference'), ('$defs', 'schemas by name'),
            ('definitions', 'schemas by name'), ('properties', 'schemas by name'), ('additionalProperties', 'a schema'),
            ('propertyNames', 'a schema'), ('required', 'names'), ('minProperties', 'a count'), ('maxProperties', 'a count'),
            ('items', 'a schema'), ('minItems', 'a count'), ('maxItems', 'a count'), ('uniqueItems', 'true or false'),
            ('allOf', 'schemas'), ('anyOf', 'schemas'), ('oneOf', 'schemas'), ('minimum', 'a number'),
            ('maximum', 'a number'), ('exclusiveMinimum', 'a number'), ('exclusiveMaximum', 'a number'),
            ('multipleOf', 'a number above 0'), ('minLength', 'a count'), ('maxLength', 'a count'), ('pattern', 'pattern'),
            ('$schema', 'any'), ('$id', 'any'), ('$comment', 'any'), ('title', 'a string'), ('description', 'a string'),
            ('default', 'any'), ('examples', 'any'), ('deprecated', 'any'), ('readOnly', 'any'), ('writeOnly', 'any'),
            ('format', 'any'), ('discriminator', 'any'), ('contentEncoding', 'any'), ('contentMediaType', 'any')
        ) AS r (keyword, kind) ON k.key = r.keyword
        ORDER BY k.key
    LOOP
        IF v_keyword.kind IS NULL AND v_keyword.key NOT LIKE 'x-%' THEN
            RAISE EXCEPTION '% has the keyword %, which Khala does not check', v_where, quote_literal(left(v_keyword.key, 100))
                USING ERRCODE = 'KH007',
                    HINT = 'Leave it out. Allowed are type, enum, const, properties, required, additionalProperties, propertyNames, minProperties, maxProperties, items, minItems, maxItems, uniqueItems, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, minLength, maxLength, pattern, allOf, anyOf, oneOf, $ref to $defs or #, and annotations.';
        ELSIF v_keyword.kind = 'types' THEN
            IF jsonb_typeof(v_keyword.value) NOT IN ('string', 'array') OR v_keyword.value = '[]' OR EXISTS (
                SELECT FROM jsonb_path_query(v_keyword.value, '$[*]') AS t (name)
                WHERE NOT '["string", "number", "integer", "boolean", "object", "array", "null"]' @> t.name
                    OR jsonb_typeof(t.name) <> 'string'
            ) THEN
                RAISE EXCEPTION '% has the type %', v_where, left(v_keyword.value::text, 100)
                    USING ERRCODE = 'KH007', HINT = 'Use string, number, integer, boolean, object, array or null, or an array of them.';
            END IF;
        ELSIF v_keyword.kind = 'pattern' THEN
            BEGIN
                IF jsonb_typeof(v_keyword.value) <> 'string' OR v_keyword.value #>> '{}' ~ '^([*]{3}|[(][?][a-z]+[)])'
                    OR ('' COLLATE "C" ~ (v_keyword.value #>> '{}')) IS NULL
                THEN
                    RAISE invalid_regular_expression USING MESSAGE = 'not a pattern of JSON Schema';
                END IF;
            EXCEPTION
                WHEN invalid_regular_expression THEN
                    RAISE EXCEPTION '% has a pattern that PostgreSQL cannot match: %', v_where, left(v_keyword.value::text, 100)
                        USING ERRCODE = 'KH007', DETAIL = to_json(SQLERRM), HINT = 'Write one that SELECT '''' ~ ''pattern'' accepts.';
            END;
            -- Of an escaped backslash, the second one begins no escape. By chr, which means the same in every session.
            v_escape := substring(
                replace(v_keyword.value #>> '{}', repeat(chr(92), 2), '') FROM repeat(chr(92), 2) || '[bBmMyYAZ]'
            );
            IF v_escape IS NOT NULL THEN
                RAISE EXCEPTION '% has a pattern with %, which means something else in PostgreSQL than in JavaScript', v_where, v_escape
                    USING ERRCODE = 'KH007', HINT = 'Write the pattern without it.';
            END IF;
        ELSIF v_keyword.kind = 'reference' THEN
            IF v_keyword.value #>> '{}' !~ '^#(/([$]defs|definitions)/[^/~%]+)?$'
                OR p_root #> string_to_array(substring(v_keyword.value #>> '{}' FROM 3), '/') IS NULL
            THEN
                RAISE EXCEPTION '% refers to %', v_where, left(v_keyword.value::text, 200)
                    USING ERRCODE = 'KH007', HINT = 'Refer to the whole schema, {"$ref": "#"}, or to one below $defs of the same document: {"$ref": "#/$defs/Line"}.';
            END IF;
        ELSIF NOT (CASE v_keyword.kind
            WHEN 'a count' THEN jsonb_typeof(v_keyword.value) = 'number' AND v_keyword.value @? '$ ? (@ >= 0 && @.floor() == @)'
            WHEN 'a number' THEN jsonb_typeof(v_keyword.value) = 'number'
            WHEN 'a number above 0' THEN jsonb_typeof(v_keyword.value) = 'number' AND v_keyword.value @? '$ ? (@ > 0)'
            WHEN 'a string' THEN jsonb_typeof(v_keyword.value) = 'string'
            WHEN 'true or false' THEN jsonb_typeof(v_keyword.value) = 'boolean'
            WHEN 'names' THEN jsonb_typeof(v_keyword.value) = 'array' AND NOT v_keyword.value @? 'strict $[*] ? (@.type() != "string")'
            WHEN 'values' THEN jsonb_typeof(v_keyword.value) = 'array' AND v_keyword.value <> '[]'
            WHEN 'schemas' THEN jsonb_typeof(v_keyword.value) = 'array' AND v_keyword.value <> '[]'
            WHEN 'schemas by name' THEN jsonb_typeof(v_keyword.value) = 'object'
            ELSE TRUE
        END) THEN
            RAISE EXCEPTION '% has % %', v_where, v_keyword.key, left(v_keyword.value::text, 100)
                USING ERRCODE = 'KH007', HINT = format('Write %s.', v_keyword.kind);
        END IF;
        FOR v_part IN
            SELECT v_keyword.value AS schema, '' AS place WHERE v_keyword.kind = 'a schema'
            UNION ALL
            SELECT e.value, '/' || (e.place - 1)
            FROM jsonb_array_elements(CASE WHEN v_keyword.kind = 'schemas' THEN v_keyword.value ELSE '[]' END)
                WITH ORDINALITY AS e (value, place)
            UNION ALL
            SELECT e.value, '/' || khala_internal.pointer_part(e.key)
            FROM jsonb_each(CASE WHEN v_keyword.kind = 'schemas by name' THEN v_keyword.value ELSE '{}' END) AS e
        LOOP
            PERFORM khala_internal.check_schema(v_part.schema, p_root, p_path || '/' || v_keyword.key || v_part.place);
        END LOOP;
    END LOOP;
END
$$;

COMMENT ON FUNCTION khala_internal.check_schema(jsonb, jsonb, text) IS
'Internal: refuses a JSON Schema that cannot be checked completely. Arguments: a part of the schema; the whole schema; path of the part. Errors: KH007.';
REVOKE ALL ON FUNCTION khala_internal.check_schema(jsonb, jsonb, text) FROM public;
