-- Limits of a paged read.

CREATE OR REPLACE FUNCTION khala_internal.check_page_limits(p_max_updates integer, p_max_bytes integer)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF coalesce(p_max_updates NOT BETWEEN 1 AND 10000, TRUE) THEN
        RAISE EXCEPTION 'p_max_updates is %', coalesce(p_max_updates::text, 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use 1 to 10000; the default is 200.';
    END IF;
    IF coalesce(p_max_bytes NOT BETWEEN 1 AND 67108864, TRUE) THEN
        RAISE EXCEPTION 'p_max_bytes is %', coalesce(p_max_bytes::text, 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use 1 to 67108864 bytes; the default is 2097152.';
    END IF;
END
$$;

COMMENT ON FUNCTION khala_internal.check_page_limits(integer, integer) IS
'Internal: refuses page limits out of range. Arguments: updates, bytes. Result: none. Errors: KH007.';
REVOKE ALL ON FUNCTION khala_internal.check_page_limits(integer, integer) FROM public;
