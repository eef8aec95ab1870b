-- Changes settings of a topic, while it is written to. What is stored stays as it is: other settings apply to the writes
-- and purges that follow.

CREATE OR REPLACE FUNCTION khala.set_topic(
    p_topic text,
    p_payload_mode text DEFAULT NULL,
    p_inline_limit_bytes integer DEFAULT NULL,
    p_retention_horizon interval DEFAULT NULL,
    p_ownership text DEFAULT NULL,
    p_max_staged_writes integer DEFAULT NULL
)
RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_topic runtime.sync_topics;
BEGIN
    SELECT t.* INTO v_topic FROM runtime.sync_topics AS t WHERE t.topic = p_topic FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM khala_internal.refuse_topic(p_topic);
    END IF;
    v_topic.payload_mode := coalesce(p_payload_mode, v_topic.payload_mode);
    v_topic.inline_limit_bytes := coalesce(p_inline_limit_bytes, v_topic.inline_limit_bytes);
    v_topic.retention_horizon := coalesce(p_retention_horizon, v_topic.retention_horizon);
    v_topic.ownership := coalesce(p_ownership, v_topic.ownership);
    v_topic.max_staged_writes := coalesce(p_max_staged_writes, v_topic.max_staged_writes);
    PERFORM khala_internal.check_topic(v_topic);
    UPDATE runtime.sync_topics AS t
    SET payload_mode = v_topic.payload_mode,
        inline_limit_bytes = v_topic.inline_limit_bytes,
        retention_horizon = v_topic.retention_horizon,
        ownership = v_topic.ownership,
        max_staged_writes = v_topic.max_staged_writes
    WHERE t.topic = p_topic;
    RETURN p_topic;
END
$$;

COMMENT ON FUNCTION khala.set_topic(text, text, integer, interval, text, integer) IS
'Changes settings of a topic. Arguments: topic; payload mode, inline limit in bytes, retention horizon, ownership, limit of staged writes: null leaves one as it is. khala.set_topic_writes changes how it is written. Result: the topic. Errors: KH001, KH007.';
REVOKE ALL ON FUNCTION khala.set_topic(text, text, integer, interval, text, integer) FROM public;
GRANT EXECUTE ON FUNCTION khala.set_topic(text, text, integer, interval, text, integer) TO khala_dba;
