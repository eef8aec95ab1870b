-- JSON Schema that allows a string or null beside what another allows. One that allows everything stays.

CREATE OR REPLACE FUNCTION khala_internal.wider_schema(p_schema json, p_or_string boolean, p_or_null boolean)
RETURNS json
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE
    WHEN p_schema::jsonb = '{}' OR NOT (p_or_string OR p_or_null) THEN p_schema
    ELSE json_build_object('anyOf', (
        SELECT json_agg(s.schema ORDER BY s.place)
        FROM (
            VALUES
            (1, p_schema, TRUE), (2, '{"type": "string"}', p_or_string), (3, '{"type": "null"}', p_or_null)
        ) AS s (place, schema, is_allowed)
        WHERE s.is_allowed
    ))
END
$$;

COMMENT ON FUNCTION khala_internal.wider_schema(json, boolean, boolean) IS
'Internal: JSON Schema that allows more. Arguments: a schema; whether a string is allowed too; whether null is. Result: a schema. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.wider_schema(json, boolean, boolean) FROM public;
