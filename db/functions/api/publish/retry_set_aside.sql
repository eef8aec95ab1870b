-- Queues updates that were set aside once more.

CREATE OR REPLACE FUNCTION khala.retry_set_aside(
    p_publisher text, p_topic text DEFAULT NULL, p_doc_key text DEFAULT NULL
)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_kind text;
    v_rows record;
    v_retried bigint := 0;
BEGIN
    -- Locked against a report, which decides what is held behind what.
    SELECT p.kind INTO v_kind FROM runtime.publishers AS p WHERE p.publisher = p_publisher FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM khala_internal.refuse_publisher(p_publisher);
    END IF;
    FOR v_rows IN
        WITH taken AS (
            DELETE FROM runtime.publisher_set_aside AS a
            WHERE a.publisher = p_publisher
                AND (p_topic IS NULL OR a.topic = p_topic) AND (p_doc_key IS NULL OR a.doc_key = p_doc_key)
            RETURNING a.topic, a.doc_key, a.watermark, a.doc_version
        )
        SELECT t.topic, array_agg(t.doc_key) AS doc_keys, array_agg(t.watermark) AS watermarks,
            array_agg(t.doc_version) AS doc_versions, count(*) AS updates
        FROM taken AS t
        GROUP BY t.topic
        ORDER BY t.topic
    LOOP
        -- Against the worker, which queues what it reads.
        PERFORM FROM runtime.publisher_topics AS t
        WHERE t.publisher = p_publisher AND t.topic = v_rows.topic FOR NO KEY UPDATE;
        PERFORM khala_internal.queue_updates(
            p_publisher, v_rows.topic, v_kind = 'convex', v_rows.doc_keys, v_rows.watermarks, v_rows.doc_versions,
            array_fill(clock_timestamp(), ARRAY[v_rows.updates::integer])
        );
        v_retried := v_retried + v_rows.updates;
    END LOOP;
    PERFORM pg_notify('khala_sync', '');
    RETURN v_retried;
END
$$;

COMMENT ON FUNCTION khala.retry_set_aside(text, text, text) IS
'Queues updates once more that were set aside. Arguments: publisher; topic and document key, null for all. Of kind convex the document is delivered as it is now. Result: number of updates. Errors: KH007.';
REVOKE ALL ON FUNCTION khala.retry_set_aside(text, text, text) FROM public;
GRANT EXECUTE ON FUNCTION khala.retry_set_aside(text, text, text) TO khala_dba;
