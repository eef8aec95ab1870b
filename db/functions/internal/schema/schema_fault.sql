-- First place where a value does not match a JSON Schema of the kind that khala_internal.check_schema allows. Strings are
-- not quoted in faults: they may be personal.

CREATE OR REPLACE FUNCTION khala_internal.schema_fault(
    p_schema jsonb,
    p_value jsonb,
    p_root jsonb,
    p_path text DEFAULT '',
    OUT path text,
    OUT fault text
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_type CONSTANT text := jsonb_typeof(p_value);
    v_keyword record;
    v_number numeric;
    v_string text;
    v_matching bigint;
BEGIN
    IF p_schema = 'false' THEN
        path := p_path;
        fault := 'is not allowed';
        RETURN;
    ELSIF p_schema = 'true' THEN
        RETURN;
    END IF;
    CASE v_type
        WHEN 'number' THEN v_number := p_value::numeric;
        WHEN 'string' THEN v_string := p_value #>> '{}';
        ELSE NULL;
    END CASE;
    FOR v_keyword IN SELECT k.key, k.value FROM jsonb_each(p_schema) AS k LOOP
        path := p_path;
        CASE v_keyword.key
            WHEN 'type' THEN
                IF NOT (
                    v_keyword.value @> to_jsonb(v_type)
                    OR (v_number % 1 = 0 AND v_keyword.value @> '"integer"') IS TRUE
                ) THEN
                    fault := format('is %s, and has to be %s', v_type, (
                        SELECT string_agg(t.name #>> '{}', ' or ' ORDER BY t.place)
                        FROM jsonb_path_query(v_keyword.value, '$[*]') WITH ORDINALITY AS t (name, place)
                    ));
                END IF;
            WHEN 'enum' THEN
                IF NOT EXISTS (SELECT FROM jsonb_array_elements(v_keyword.value) AS e WHERE e.value = p_value) THEN
                    fault := 'is none of ' || left(v_keyword.value::text, 200);
                END IF;
            WHEN 'const' THEN
                IF v_keyword.value <> p_value THEN
                    fault := 'is not ' || left(v_keyword.value::text, 200);
                END IF;
            WHEN 'minimum' THEN
                IF v_number < v_keyword.value::numeric THEN
                    fault := 'is less than ' || v_keyword.value::text;
                END IF;
            WHEN 'maximum' THEN
                IF v_number > v_keyword.value::numeric THEN
                    fault := 'is more than ' || v_keyword.value::text;
                END IF;
            WHEN 'exclusiveMinimum' THEN
                IF v_number <= v_keyword.value::numeric THEN
                    fault := 'is not more than ' || v_keyword.value::text;
                END IF;
            WHEN 'exclusiveMaximum' THEN
                IF v_number >= v_keyword.value::numeric THEN
                    fault := 'is not less than ' || v_keyword.value::text;
                END IF;
            WHEN 'multipleOf' THEN
                IF v_number % v_keyword.value::numeric <> 0 THEN
                    fault := 'is no multiple of ' || v_keyword.value::text;
                END IF;
            WHEN 'minLength' THEN
                IF length(v_string) < v_keyword.value::numeric THEN
                    fault := 'has less than ' || v_keyword.value::text || ' characters';
                END IF;
            WHEN 'maxLength' THEN
                IF length(v_string) > v_keyword.value::numeric THEN
                    fault := 'has more than ' || v_keyword.value::text || ' characters';
                END IF;
            WHEN 'pattern' THEN
                IF v_string COLLATE "C" !~ (v_keyword.value #>> '{}') THEN
                    fault := 'does not match the pattern ' || left(v_keyword.value::text, 200);
                END IF;
            WHEN 'minItems' THEN
                IF v_type = 'array' AND jsonb_array_length(p_value) < v_keyword.value::numeric THEN
                    fault := 'has less than ' || v_keyword.value::text || ' elements';
                END IF;
            WHEN 'maxItems' THEN
                IF v_type = 'array' AND jsonb_array_length(p_value) > v_keyword.value::numeric THEN
                    fault := 'has more than ' || v_keyword.value::text || ' elements';
                END IF;
            WHEN 'uniqueItems' THEN
                IF v_type = 'array' AND v_keyword.value = 'true' AND EXISTS (
                    SELECT FROM jsonb_array_elements(p_value) AS e GROUP BY e.value HAVING count(*) > 1
                ) THEN
                    fault := 'has an element twice';
                END IF;
            WHEN 'minProperties' THEN
                IF v_type = 'object' AND (SELECT count(*) FROM jsonb_object_keys(p_value)) < v_keyword.value::numeric THEN
                    fault := 'has less than ' || v_keyword.value::text || ' members';
                END IF;
            WHEN 'maxProperties' THEN
                IF v_type = 'object' AND (SELECT count(*) FROM jsonb_object_keys(p_value)) > v_keyword.value::numeric THEN
                    fault := 'has more than ' || v_keyword.value::text || ' members';
                END IF;
            WHEN 'required' THEN
                IF v_type = 'object' THEN
                    SELECT p_path || '/' || khala_internal.pointer_part(r.name), 'is missing' INTO path, fault
                    FROM jsonb_array_elements_text(v_keyword.value) WITH ORDINALITY AS r (name, place)
                    WHERE NOT p_value ? r.name
                    ORDER BY r.place
                    LIMIT 1;
                END IF;
            WHEN 'properties' THEN
                IF v_type = 'object' THEN
                    SELECT f.path, f.fault INTO path, fault
                    FROM jsonb_each(v_keyword.value) AS s
                    CROSS JOIN LATERAL khala_internal.schema_fault(
                        s.value, p_value -> s.key, p_root, p_path || '/' || khala_internal.pointer_part(s.key)
                    ) AS f
                    WHERE p_value ? s.key AND f.fault IS NOT NULL
                    LIMIT 1;
                END IF;
            WHEN 'additionalProperties' THEN
                IF v_type = 'object' THEN
                    SELECT f.path, CASE WHEN v_keyword.value = 'false' THEN 'is not in the schema' ELSE f.fault END INTO path, fault
                    FROM jsonb_each(p_value) AS m
                    CROSS JOIN LATERAL khala_internal.schema_fault(
                        v_keyword.value, m.value, p_root, p_path || '/' || khala_internal.pointer_part(m.key)
                    ) AS f
                    WHERE NOT coalesce(p_schema -> 'properties' ? m.key, FALSE) AND f.fault IS NOT NULL
                    LIMIT 1;
                END IF;
            WHEN 'propertyNames' THEN
                IF v_type = 'object' THEN
                    SELECT f.path, 'has a name that ' || f.fault INTO path, fault
                    FROM jsonb_object_keys(p_value) AS m (name)
                    CROSS JOIN LATERAL khala_internal.schema_fault(
                        v_keyword.value, to_jsonb(m.name), p_root, p_path || '/' || khala_internal.pointer_part(m.name)
                    ) AS f
                    WHERE f.fault IS NOT NULL
                    LIMIT 1;
                END IF;
            WHEN 'items' THEN
                IF v_type = 'array' THEN
                    SELECT f.path, f.fault INTO path, fault
                    FROM jsonb_array_elements(p_value) WITH ORDINALITY AS e (value, place)
                    CROSS JOIN LATERAL khala_internal.schema_fault(
                        v_keyword.value, e.value, p_root, p_path || '/' || (e.place - 1)
                    ) AS f
                    WHERE f.fault IS NOT NULL
                    LIMIT 1;
                END IF;
            WHEN 'allOf' THEN
                SELECT f.path, f.fault INTO path, fault
                FROM jsonb_array_elements(v_keyword.value) AS s
                CROSS JOIN LATERAL khala_internal.schema_fault(s.value, p_value, p_root, p_path) AS f
                WHERE f.fault IS NOT NULL
                LIMIT 1;
            WHEN 'anyOf', 'oneOf' THEN
                -- One call for each alternative, whose faults are used as well: a second call would double the cost with
                -- each level of the value. The alternative that was meant is the one that matches furthest into it.
                SELECT
                    count(*) FILTER (WHERE f.fault IS NULL),
                    (array_agg(f.path ORDER BY length(f.path) DESC, s.place))[1],
                    (array_agg(f.fault ORDER BY length(f.path) DESC, s.place))[1]
                INTO v_matching, path, fault
                FROM jsonb_array_elements(v_keyword.value) WITH ORDINALITY AS s (value, place)
                CROSS JOIN LATERAL khala_internal.schema_fault(s.value, p_value, p_root, p_path) AS f;
                IF v_matching > 0 THEN
                    path := p_path;
                    fault := CASE WHEN v_matching > 1 AND v_keyword.key = 'oneOf' THEN 'matches more than one alternative of oneOf' END;
                ELSIF path = p_path THEN
                    fault := 'matches no alternative of ' || v_keyword.key;
                END IF;
            WHEN '$ref' THEN
                SELECT f.path, f.fault INTO path, fault
                FROM khala_internal.schema_fault(
                    p_root #> string_to_array(substring(v_keyword.value #>> '{}' FROM 3), '/'), p_value, p_root, p_path
                ) AS f;
            -- Annotations.
            ELSE NULL;
        END CASE;
        IF fault IS NOT NULL THEN
            RETURN;
        END IF;
    END LOOP;
    path := NULL;
END
$$;

COMMENT ON FUNCTION khala_internal.schema_fault(jsonb, jsonb, jsonb, text) IS
'Internal: first place where a value does not match a JSON Schema. Arguments: schema; value; the whole schema, which has the definitions; path of the value. Result: JSON Pointer and fault; null when it matches. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.schema_fault(jsonb, jsonb, jsonb, text) FROM public;
