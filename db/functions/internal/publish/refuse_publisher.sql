-- Raises the error for unknown publishers, in the same words for every caller.

CREATE OR REPLACE FUNCTION khala_internal.refuse_publisher(p_publisher text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'publisher % is not known', coalesce(quote_literal(left(p_publisher, 64)), 'NULL')
        USING ERRCODE = 'KH007', HINT = '`khala publishers` and khala.publisher_stats list the known ones.';
END
$$;

COMMENT ON FUNCTION khala_internal.refuse_publisher(text) IS
'Internal: raises the error for an unknown publisher. Argument: its name. Errors: KH007.';
REVOKE ALL ON FUNCTION khala_internal.refuse_publisher(text) FROM public;
