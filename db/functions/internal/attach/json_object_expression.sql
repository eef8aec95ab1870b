-- SQL expression for a JSON object. A function takes at most 100 arguments, so 50 members at a time are put together.

CREATE OR REPLACE FUNCTION khala_internal.json_object_expression(p_names text[], p_values text[])
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT coalesce(string_agg(c.members, ' || ' ORDER BY c.nth), '''{}''::jsonb')
FROM (
    SELECT
        (m.place - 1) / 50 AS nth,
        'jsonb_build_object(' || string_agg(quote_literal(m.name) || ', ' || m.value, ', ' ORDER BY m.place) || ')' AS members
    FROM unnest(p_names, p_values) WITH ORDINALITY AS m (name, value, place)
    GROUP BY 1
) AS c
$$;

COMMENT ON FUNCTION khala_internal.json_object_expression(text[], text[]) IS
'Internal: SQL expression for a JSON object. Arguments: names of its members; an expression of type jsonb for each. Result: an expression of type jsonb. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.json_object_expression(text[], text[]) FROM public;
