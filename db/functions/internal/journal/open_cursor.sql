-- Check before every read of the journal: resolves the name of the topic, and refuses a cursor with a gap that the
-- subscriber could not notice. It runs in the snapshot of the calling query, as the read after it does, so no purge,
-- restore or new epoch comes between.

CREATE OR REPLACE FUNCTION khala_internal.open_cursor(
    p_topic text,
    p_after bigint,
    p_epoch text,
    OUT topic text,
    OUT after bigint,
    OUT head_watermark bigint
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
-- Independent of the caller's settings: planning takes 150 µs, the check 15.
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    v_floor bigint;
    v_epoch text;
    v_reason text;
BEGIN
    SELECT t.topic, s.head_watermark, r.retention_floor
    INTO open_cursor.topic, open_cursor.head_watermark, v_floor
    FROM runtime.sync_topics AS t
    INNER JOIN runtime.sync_topic_sequences AS s ON t.topic = s.topic
    INNER JOIN runtime.sync_topic_retention AS r ON t.topic = r.topic
    WHERE t.topic = p_topic OR t.enum_name = p_topic;
    IF NOT FOUND THEN
        PERFORM khala_internal.refuse_topic(p_topic);
    END IF;
    IF p_after < 0 THEN
        RAISE EXCEPTION 'cursor % is negative', p_after
            USING ERRCODE = 'KH007', HINT = 'Use a watermark from 0, or null for the earliest retained one.';
    END IF;
    open_cursor.after := coalesce(p_after, v_floor - 1);
    v_epoch := khala.current_epoch();
    v_reason := khala_internal.stale_reason(open_cursor.after, open_cursor.head_watermark, v_floor, p_epoch, v_epoch);
    IF v_reason IS NOT NULL THEN
        RAISE EXCEPTION 'cursor % of topic % is stale: %', open_cursor.after, p_topic, v_reason
            USING ERRCODE = CASE WHEN v_reason = 'below_floor' THEN 'KH002' ELSE 'KH003' END,
                DETAIL = json_build_array(json_build_object(
                    'topic', p_topic, 'resume_after', open_cursor.after, 'retention_floor', v_floor,
                    'head_watermark', open_cursor.head_watermark, 'reason', v_reason
                )),
                HINT = CASE
                    WHEN v_epoch IS NULL
                        THEN 'This database was restored: call khala.ensure_epoch(), as a relay does when it connects.'
                    ELSE 'Read a snapshot of the topic and continue from its watermark; do not use this cursor again.'
                END;
    END IF;
END
$$;

COMMENT ON FUNCTION khala_internal.open_cursor(text, bigint, text) IS
'Internal: resolves a topic and checks a cursor. Arguments: topic, either name; cursor, null for the earliest retained one; epoch of the cursor, null for the current one. Result: topic, cursor, head. Errors: KH001, KH002 below the retention floor, KH003 ahead of the head, of another epoch or without a current epoch, KH007 negative.';
REVOKE ALL ON FUNCTION khala_internal.open_cursor(text, bigint, text) FROM public;
