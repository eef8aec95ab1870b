-- Name of a member in a JSON Pointer (RFC 6901).

CREATE OR REPLACE FUNCTION khala_internal.pointer_part(p_name text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT replace(replace(p_name, '~', '~0'), '/', '~1')
$$;

COMMENT ON FUNCTION khala_internal.pointer_part(text) IS
'Internal: name of a member in a JSON Pointer. Argument: the name. Result: the name with ~0 for ~ and ~1 for /. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.pointer_part(text) FROM public;
