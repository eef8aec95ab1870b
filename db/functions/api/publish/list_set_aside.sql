-- Lists updates that were set aside, newest first.

CREATE OR REPLACE FUNCTION khala.list_set_aside(p_publisher text DEFAULT NULL, p_limit integer DEFAULT 1000)
RETURNS TABLE (
    publisher text, topic text, doc_key text, watermark bigint, doc_version bigint, deleted boolean,
    attempts integer, reason text, set_aside_at timestamptz
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF coalesce(p_limit NOT BETWEEN 1 AND 100000, TRUE) THEN
        RAISE EXCEPTION 'p_limit is %', coalesce(p_limit::text, 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use 1 to 100000; the default is 1000.';
    END IF;
    IF p_publisher IS NOT NULL AND NOT EXISTS (
        SELECT FROM runtime.publishers AS p WHERE p.publisher = p_publisher
    ) THEN
        PERFORM khala_internal.refuse_publisher(p_publisher);
    END IF;
    RETURN QUERY
    SELECT a.publisher, a.topic, a.doc_key, a.watermark, a.doc_version, a.deleted, a.attempts, a.reason, a.set_aside_at
    FROM runtime.publisher_set_aside AS a
    WHERE p_publisher IS NULL OR a.publisher = p_publisher
    ORDER BY a.set_aside_at DESC, a.publisher, a.topic, a.doc_key, a.watermark
    LIMIT p_limit;
END
$$;

COMMENT ON FUNCTION khala.list_set_aside(text, integer) IS
'Updates that were set aside, newest first. Arguments: publisher, null for all; limit. Result: each with the number of tries and the reason. Errors: KH007.';
REVOKE ALL ON FUNCTION khala.list_set_aside(text, integer) FROM public;
GRANT EXECUTE ON FUNCTION khala.list_set_aside(text, integer) TO khala_dba;
