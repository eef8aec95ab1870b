-- Removes a publisher, or a topic from it, with its queue and what was set aside. A worker that is at it ends.

CREATE OR REPLACE FUNCTION khala.remove_publisher(p_publisher text, p_topic text DEFAULT NULL)
RETURNS TABLE (undelivered bigint, set_aside bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM runtime.publishers AS p WHERE p.publisher = p_publisher FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM khala_internal.refuse_publisher(p_publisher);
    END IF;
    IF p_topic IS NOT NULL AND NOT EXISTS (
        SELECT FROM runtime.publisher_topics AS t WHERE t.publisher = p_publisher AND t.topic = p_topic
    ) THEN
        RAISE EXCEPTION 'publisher % has no topic %', p_publisher, quote_literal(left(p_topic, 200))
            USING ERRCODE = 'KH007', HINT = 'khala.publisher_stats lists its topics.';
    END IF;
    SELECT count(*) INTO set_aside
    FROM runtime.publisher_set_aside AS a
    WHERE a.publisher = p_publisher AND (p_topic IS NULL OR a.topic = p_topic);
    -- Before the queue: whoever reads the topic holds this row.
    DELETE FROM runtime.publisher_topics AS t
    WHERE t.publisher = p_publisher AND (p_topic IS NULL OR t.topic = p_topic);
    -- The foreign key does it, but not in a session that replicates.
    DELETE FROM runtime.publisher_set_aside AS a
    WHERE a.publisher = p_publisher AND (p_topic IS NULL OR a.topic = p_topic);
    DELETE FROM runtime.publisher_updates AS u
    WHERE u.publisher = p_publisher AND (p_topic IS NULL OR u.topic = p_topic);
    GET DIAGNOSTICS undelivered = ROW_COUNT;
    IF p_topic IS NULL THEN
        DELETE FROM runtime.publishers AS p WHERE p.publisher = p_publisher;
    END IF;
    PERFORM pg_notify('khala_sync', '');
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION khala.remove_publisher(text, text) IS
'Removes a publisher or one of its topics, with what is not delivered. Arguments: publisher; topic, null for the whole publisher. Result: number of updates that were queued and that were set aside. Errors: KH007.';
REVOKE ALL ON FUNCTION khala.remove_publisher(text, text) FROM public;
GRANT EXECUTE ON FUNCTION khala.remove_publisher(text, text) TO khala_dba;
