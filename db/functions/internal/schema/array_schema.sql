-- JSON Schema of arrays in arrays.

CREATE OR REPLACE FUNCTION khala_internal.array_schema(p_items json, p_dimensions integer)
RETURNS json
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_schema json := p_items;
BEGIN
    FOR v_nth IN 1 .. p_dimensions LOOP
        v_schema := json_build_object('type', 'array', 'items', v_schema);
    END LOOP;
    RETURN v_schema;
END
$$;

COMMENT ON FUNCTION khala_internal.array_schema(json, integer) IS
'Internal: JSON Schema of an array. Arguments: schema of the elements; number of dimensions. Result: a schema. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.array_schema(json, integer) FROM public;
