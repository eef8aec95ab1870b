-- The one place where watermarks come from. The row lock it takes is held to the end of the caller's
-- transaction, so that watermarks become visible in the order in which they were given out. If a relay had
-- armed the topic, it disarms it, and the trigger on the table notifies. That is an UPDATE of its own, so that
-- the one of every write fires no trigger; nobody can arm in between, for the row is locked.

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
        RAISE EXCEPTION 'cannot allocate % watermarks', coalesce(p_count::text, 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Pass a positive count.';
    END IF;
    -- Subscribers are given what is committed: a crash must not take it back and let the watermark run
    -- again, so this transaction waits for the disk even where the caller's do not.
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', TRUE);
    END IF;
    -- Writers of a topic queue here rather than at the row, where each commit wakes all who wait: with 32
    -- of them that was 66 context switches a write instead of 10. A condition costs
    -- less than the query that PERFORM would make of it; only without a topic there is a null.
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
'Allocates contiguous watermarks and locks the topic for other writers until the transaction ends, which then commits synchronously. Arguments: topic; how many. Result: the last one. Errors: KH001 unknown topic, KH007 count below 1.';
REVOKE ALL ON FUNCTION khala_internal.allocate_watermark(text, integer) FROM public;
