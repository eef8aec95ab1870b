-- JSON Schema of an object that has each of its members and no other, in their order.

CREATE OR REPLACE FUNCTION khala_internal.object_schema(p_names text[], p_schemas json[])
RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT json_build_object(
    'type', 'object',
    'properties', coalesce(json_object_agg(m.name, m.schema ORDER BY m.place), '{}'),
    'required', coalesce(json_agg(m.name ORDER BY m.place), '[]'),
    'additionalProperties', FALSE
)
FROM unnest(p_names, p_schemas) WITH ORDINALITY AS m (name, schema, place)
$$;

COMMENT ON FUNCTION khala_internal.object_schema(text[], json[]) IS
'Internal: JSON Schema of an object. Arguments: names of its members; their schemas. Result: a schema. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.object_schema(text[], json[]) FROM public;
