-- Adds a topic to a publisher, or changes where its documents go. It begins with a snapshot of its documents.

CREATE OR REPLACE FUNCTION khala.set_publisher_topic(
    p_publisher text, p_topic text, p_target text DEFAULT NULL, p_delete_target text DEFAULT NULL
)
RETURNS TABLE (topic text, target text, delete_target text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_kind text;
    v_topic text;
    v_target text;
    v_delete_target text;
    v_known runtime.publisher_topics;
BEGIN
    SELECT p.kind INTO v_kind FROM runtime.publishers AS p WHERE p.publisher = p_publisher FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM khala_internal.refuse_publisher(p_publisher);
    END IF;
    -- It must not be removed meanwhile.
    SELECT t.topic INTO v_topic FROM runtime.sync_topics AS t
    WHERE t.topic = p_topic OR t.enum_name = p_topic FOR KEY SHARE;
    IF NOT FOUND THEN
        PERFORM khala_internal.refuse_topic(p_topic);
    END IF;
    IF p_target !~ '^[!-~]{1,200}$' OR p_delete_target !~ '^[!-~]{1,200}$'
        OR (v_kind = 'convex' AND (p_target NOT LIKE '_%:_%' OR p_delete_target NOT LIKE '_%:_%'))
    THEN
        RAISE EXCEPTION 'p_target is % and p_delete_target is %',
            coalesce(quote_literal(left(p_target, 200)), 'NULL'), coalesce(quote_literal(left(p_delete_target, 200)), 'NULL')
            USING ERRCODE = 'KH007',
                HINT = 'Use 1 to 200 characters of ASCII without spaces; of kind convex the path of a mutation, such as runtime:upsertRunSummary.';
    END IF;
    IF v_kind = 'webhook' THEN
        v_target := 'document.updated';
        v_delete_target := 'document.deleted';
    ELSE
        v_target := CASE v_topic
            WHEN 'runtime.run_summaries' THEN 'runtime:upsertRunSummary'
            WHEN 'runtime.codex_worker_summaries' THEN 'runtime:upsertCodexWorkerSummary'
        END;
    END IF;
    SELECT t.* INTO v_known FROM runtime.publisher_topics AS t WHERE t.publisher = p_publisher AND t.topic = v_topic;
    v_target := coalesce(p_target, v_known.target, v_target);
    v_delete_target := coalesce(p_delete_target, v_known.delete_target, v_delete_target);
    IF v_target IS NULL THEN
        RAISE EXCEPTION 'p_target is NULL, and topic % has no mutation of its own', v_topic
            USING ERRCODE = 'KH007', HINT = 'Pass the path of the mutation that takes its documents, such as shop:upsertOrder.';
    END IF;
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', TRUE);
    END IF;
    PERFORM pg_notify('khala_sync', '');
    RETURN QUERY
    INSERT INTO runtime.publisher_topics AS t (publisher, topic, target, delete_target)
    VALUES (p_publisher, v_topic, v_target, v_delete_target)
    ON CONFLICT (publisher, topic) DO UPDATE SET target = excluded.target, delete_target = excluded.delete_target
    RETURNING t.topic, t.target, t.delete_target;
END
$$;

COMMENT ON FUNCTION khala.set_publisher_topic(text, text, text, text) IS
'Adds a topic to a publisher or changes where its documents go. Arguments: publisher; topic, either name; of kind convex the path of the mutation that takes {document_id, summary}, of kind webhook the type of the event; the same for tombstones (convex: {document_id}); null leaves one as it is, and in a new one is the default: the mutations of the two runtime topics and none for tombstones, which are then set aside; document.updated and document.deleted. Result: the topic''s own name and both. Errors: KH001, KH007.';
REVOKE ALL ON FUNCTION khala.set_publisher_topic(text, text, text, text) FROM public;
GRANT EXECUTE ON FUNCTION khala.set_publisher_topic(text, text, text, text) TO khala_dba;
