-- Lengths for khala_internal.key_marks, out of a subset.

CREATE OR REPLACE FUNCTION khala_internal.subset_lengths(p_subset jsonb)
RETURNS integer[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE
        WHEN p_subset IS NOT NULL
            THEN ARRAY(SELECT l.length::integer FROM jsonb_array_elements_text(p_subset -> 'lengths') AS l (length))
    END;
END
$$;

COMMENT ON FUNCTION khala_internal.subset_lengths(jsonb) IS
'Internal: lengths of the marks of a subset. Argument: the subset, null for all keys. Result: lengths, null for all keys. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.subset_lengths(jsonb) FROM public;
