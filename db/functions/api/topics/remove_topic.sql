-- Removes a topic with its documents, journal, staged writes, read model and place in publishers. It waits for transactions that have written
-- to the topic; other writers wait for it and are then refused. Relays are notified and end the topic for their
-- subscribers.
--
-- The retention floor stays, two above the head: if the topic is registered again, its watermarks go on there, and
-- every cursor of the removed one is below the floor, also that of a subscriber who had read everything.

CREATE OR REPLACE FUNCTION khala.remove_topic(p_topic text, OUT documents bigint, OUT journal_rows bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_read_model text;
    v_sequence text;
    v_head bigint;
    v_dependants text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('khala.register_topic', 0));
    SELECT t.read_model INTO v_read_model FROM runtime.sync_topics AS t WHERE t.topic = p_topic;
    IF NOT FOUND THEN
        PERFORM khala_internal.refuse_topic(p_topic);
    END IF;
    IF khala_internal.is_own_topic(p_topic) THEN
        RAISE EXCEPTION 'topic % cannot be removed: functions of Khala write to it', p_topic
            USING ERRCODE = 'KH008', HINT = 'Keep it; nobody needs to subscribe to it.';
    ELSIF EXISTS (SELECT FROM runtime.attachments AS a WHERE a.topic = p_topic) THEN
        RAISE EXCEPTION 'topic % cannot be removed: a table is attached to it', p_topic
            USING ERRCODE = 'KH008', HINT = format('Call khala.detach(%L) first.', p_topic);
    END IF;
    -- In the order of khala.set_topic_writes.
    PERFORM pg_advisory_xact_lock(khala_internal.staging_lock_key(p_topic));
    PERFORM pg_advisory_xact_lock(khala_internal.topic_lock_key(p_topic));
    DELETE FROM runtime.sync_topic_sequences AS s WHERE s.topic = p_topic RETURNING s.head_watermark INTO v_head;
    -- Before the journal, as in khala.retain.
    UPDATE runtime.sync_topic_retention AS r
    SET retention_floor = v_head + 2, last_purge_at = NULL, purges = 0, purged_events = 0
    WHERE r.topic = p_topic;
    DELETE FROM runtime.sync_staged_writes AS w WHERE w.topic = p_topic;
    DELETE FROM runtime.sync_topic_staging AS s WHERE s.topic = p_topic;
    v_sequence := 'sync_staged_' || substring(v_read_model FROM 6);
    -- IF EXISTS would notify the caller of a direct topic.
    IF to_regclass(format('runtime.%I', v_sequence)) IS NOT NULL THEN
        EXECUTE format('DROP SEQUENCE runtime.%I', v_sequence);
    END IF;
    BEGIN
        EXECUTE format('DROP VIEW runtime.%I', v_read_model);
    EXCEPTION
        WHEN dependent_objects_still_exist THEN
            GET STACKED DIAGNOSTICS v_dependants = PG_EXCEPTION_DETAIL;
            RAISE EXCEPTION 'topic % cannot be removed: other objects depend on runtime.%', p_topic, v_read_model
                USING ERRCODE = 'KH008', DETAIL = v_dependants, HINT = 'Drop what DETAIL names first.';
    END;
    DELETE FROM runtime.sync_stream_events AS e WHERE e.topic = p_topic;
    GET DIAGNOSTICS journal_rows = ROW_COUNT;
    DELETE FROM runtime.sync_documents AS d WHERE d.topic = p_topic;
    GET DIAGNOSTICS documents = ROW_COUNT;
    -- Foreign keys would do it, but not in a session that replicates.
    DELETE FROM runtime.publisher_set_aside AS a WHERE a.topic = p_topic;
    DELETE FROM runtime.publisher_topics AS p WHERE p.topic = p_topic;
    DELETE FROM runtime.publisher_updates AS u WHERE u.topic = p_topic;
    DELETE FROM runtime.sync_topics AS t WHERE t.topic = p_topic;
    PERFORM pg_notify('khala_sync', n.payload) FROM (VALUES (p_topic), ('staged:' || p_topic)) AS n (payload);
END
$$;

COMMENT ON FUNCTION khala.remove_topic(text) IS
'Removes a topic for good, with its documents, journal, staged writes and the view of its documents, and ends it for its subscribers and publishers. A topic that is registered later with its name accepts no cursor of it. Argument: topic. Result: number of documents, tombstones included, and of journal rows that were deleted. Errors: KH001, KH008 functions of Khala write to it, a table is attached to it, or another object depends on its view.';
REVOKE ALL ON FUNCTION khala.remove_topic(text) FROM public;
GRANT EXECUTE ON FUNCTION khala.remove_topic(text) TO khala_dba;
