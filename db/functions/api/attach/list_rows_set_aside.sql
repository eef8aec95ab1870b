-- Lists rows of attached tables that cannot be documents, newest first.

CREATE OR REPLACE FUNCTION khala.list_rows_set_aside(p_topic text DEFAULT NULL, p_limit integer DEFAULT 1000)
RETURNS TABLE (topic text, row_key text, reason text, times bigint, first_at timestamptz, last_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF coalesce(p_limit NOT BETWEEN 1 AND 100000, TRUE) THEN
        RAISE EXCEPTION 'p_limit is %', coalesce(p_limit::text, 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use 1 to 100000; the default is 1000.';
    END IF;
    IF p_topic IS NOT NULL AND NOT EXISTS (SELECT FROM runtime.attachments AS a WHERE a.topic = p_topic) THEN
        RAISE EXCEPTION 'no table is attached to topic %', quote_literal(left(p_topic, 200))
            USING ERRCODE = 'KH007', HINT = 'khala.attachments lists the topics with a table.';
    END IF;
    RETURN QUERY
    SELECT a.topic, a.row_key COLLATE "default", a.reason, a.times, a.first_at, a.last_at
    FROM runtime.attachment_set_aside AS a
    WHERE p_topic IS NULL OR a.topic = p_topic
    ORDER BY a.last_at DESC, a.topic, a.row_key
    LIMIT p_limit;
END
$$;

COMMENT ON FUNCTION khala.list_rows_set_aside(text, integer) IS
'Rows of attached tables that cannot be documents, newest first. Arguments: topic, null for all; limit. Result: topic, the first 600 characters of the key, reason, number of times the row was refused, first and last time. Errors: KH007.';
REVOKE ALL ON FUNCTION khala.list_rows_set_aside(text, integer) FROM public;
GRANT EXECUTE ON FUNCTION khala.list_rows_set_aside(text, integer) TO khala_dba;
