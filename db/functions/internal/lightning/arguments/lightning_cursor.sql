-- Reads the place after which a page begins, and checks the size of the page.

CREATE OR REPLACE FUNCTION khala_internal.lightning_cursor(p_cursor text, p_limit integer, OUT created_at_ms bigint, OUT id text)
RETURNS record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_limit IS NULL OR p_limit NOT BETWEEN 1 AND 1000 THEN
        PERFORM khala_internal.lightning_refuse('invalid', 'limit', 'Use 1 to 1000.');
    END IF;
    IF p_cursor IS NULL THEN
        created_at_ms := -1;
        id := '';
    ELSIF p_cursor ~ '^[0-9]{1,15}:.{1,200}$' THEN
        created_at_ms := split_part(p_cursor, ':', 1)::bigint;
        id := substring(p_cursor FROM position(':' IN p_cursor) + 1);
    ELSE
        PERFORM khala_internal.lightning_refuse('invalid', 'cursor', 'Pass the nextCursor of the page before.');
    END IF;
END
$$;

COMMENT ON FUNCTION khala_internal.lightning_cursor(text, integer) IS
'Internal: place after which a page begins. Arguments: a cursor, null for the first page; documents of a page. Result: time and identifier of the document before. Errors: KH020.';
REVOKE ALL ON FUNCTION khala_internal.lightning_cursor(text, integer) FROM public;
