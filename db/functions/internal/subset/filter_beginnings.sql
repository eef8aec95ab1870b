-- What the keys of a filter begin with: the keys themselves, or the prefix.

CREATE OR REPLACE FUNCTION khala_internal.filter_beginnings(p_filter jsonb)
RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN p_filter ? 'keys' THEN ARRAY(SELECT k.key FROM jsonb_array_elements_text(p_filter -> 'keys') AS k (key))
        WHEN p_filter ? 'prefix' THEN ARRAY[p_filter ->> 'prefix']
    END;
$$;

COMMENT ON FUNCTION khala_internal.filter_beginnings(jsonb) IS
'Internal: what the keys of a filter begin with. Argument: {"keys": […]} or {"prefix": …}, null for no filter. Result: the keys or the prefix; null for no filter. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.filter_beginnings(jsonb) FROM public;
