-- Allocates watermarks; no other function does. Its row lock is held until the caller's transaction ends, so
-- watermarks become visible in the order of allocation. If a relay has armed the topic, a second UPDATE disarms it,
-- and the trigger on the table notifies. The UPDATE of every write therefore fires no trigger; no relay can arm the
-- topic in between, because the row is locked.

CREATE OR REPLACE FUNCTION khala_internal.allocate_watermark(p_topic text, p_count integer DEFAULT 1)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_head bigint;
    v_armed boolean;
BEGIN
    IF p_count IS NULL OR p_count < 1 THEN
        RAISE EXCEPTION 'p_count is %', coalesce(p_count::text, 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use 1 or more.';
    END IF;
    -- Subscribers receive what is committed: a crash must not undo it and allocate the watermark again, so this
    -- transaction commits synchronously even where the caller's transactions do not.
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', TRUE);
    END IF;
    -- Writers of a topic queue here rather than at the row, where each commit wakes all that wait: with 32 of them
    -- that was 66 context switches a write instead of 10. A condition costs less than the query that PERFORM would
    -- make of it; it is true only without a topic.
    IF pg_advisory_xact_lock(khala_internal.topic_lock_key(p_topic)) IS NULL THEN
        PERFORM khala_internal.refuse_topic(p_topic);
    END IF;
    UPDATE runtime.sync_topic_sequences AS s
    SET head_watermark = s.head_watermark + p_count
    WHERE s.topic = p_topic
    RETURNING s.head_watermark, s.armed INTO v_head, v_armed;
    IF NOT FOUND THEN
        PERFORM khala_internal.refuse_topic(p_topic);
    END IF;
    IF v_armed THEN
        UPDATE runtime.sync_topic_sequences AS s SET armed = FALSE WHERE s.topic = p_topic;
    END IF;
    RETURN v_head;
END
$$;

COMMENT ON FUNCTION khala_internal.allocate_watermark(text, integer) IS
'Allocates contiguous watermarks and locks the topic for other writers until the transaction ends, which then commits synchronously. Arguments: topic; number of watermarks. Result: the last one. Errors: KH001 unknown topic, KH007 number below 1.';
REVOKE ALL ON FUNCTION khala_internal.allocate_watermark(text, integer) FROM public;
