-- Configuration and state of publishers, for their workers and for administrators.

CREATE OR REPLACE FUNCTION khala.list_publishers(p_publisher text DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(to_jsonb(p) ORDER BY p.publisher, p.topic), '[]')
        FROM khala.publisher_stats AS p
        WHERE p_publisher IS NULL OR p.publisher = p_publisher
    );
END
$$;

COMMENT ON FUNCTION khala.list_publishers(text) IS
'Rows of khala.publisher_stats. Argument: publisher, null for all. Result: an array of objects, one per publisher and topic; empty for an unknown publisher. Errors: none.';
REVOKE ALL ON FUNCTION khala.list_publishers(text) FROM public;
GRANT EXECUTE ON FUNCTION khala.list_publishers(text) TO khala_publisher, khala_dba;
