-- Asks for a notification at the next write, for a relay that has caught up. The flag is in the row that every writer
-- of the topic locks from allocation to commit, so it cannot be set between a writer's look at it and that writer's
-- commit. A row that a writer holds is not waited for: the relay polls that topic a little longer.

CREATE OR REPLACE FUNCTION khala.arm(p_topic text, p_seen bigint, OUT head_watermark bigint, OUT state text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- Planning takes longer than the rest.
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    v_topic text;
    v_armed boolean;
BEGIN
    IF p_seen IS NULL THEN
        RAISE EXCEPTION 'p_seen is NULL for topic %', p_topic
            USING ERRCODE = 'KH007', HINT = 'Pass the watermark up to which the topic has been read, 0 for none.';
    END IF;
    SELECT t.topic INTO v_topic FROM runtime.sync_topics AS t WHERE t.topic = p_topic OR t.enum_name = p_topic;
    IF NOT FOUND THEN
        PERFORM khala_internal.refuse_topic(p_topic);
    END IF;
    SELECT s.head_watermark, s.armed INTO arm.head_watermark, v_armed
    FROM runtime.sync_topic_sequences AS s
    WHERE s.topic = v_topic
    FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        arm.state := 'busy';
        SELECT s.head_watermark INTO arm.head_watermark
        FROM runtime.sync_topic_sequences AS s
        WHERE s.topic = v_topic;
        -- Each query here has a snapshot of its own: the topic may have been removed since the first one.
        IF NOT FOUND THEN
            PERFORM khala_internal.refuse_topic(p_topic);
        END IF;
    ELSIF p_seen < arm.head_watermark THEN
        arm.state := 'moved';
    ELSE
        arm.state := 'armed';
        IF NOT v_armed THEN
            UPDATE runtime.sync_topic_sequences AS s SET armed = TRUE WHERE s.topic = v_topic;
        END IF;
    END IF;
END
$$;

COMMENT ON FUNCTION khala.arm(text, bigint) IS
'Asks for a notification at the next write. Arguments: topic, either name; watermark up to which it has been read. Result: its head and a state: armed (sleep), moved (the head is beyond that watermark: read now) or busy (a writer holds the topic: try again shortly). Errors: KH001, KH007.';
REVOKE ALL ON FUNCTION khala.arm(text, bigint) FROM public;
GRANT EXECUTE ON FUNCTION khala.arm(text, bigint) TO khala_relay;
