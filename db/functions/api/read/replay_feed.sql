-- One page of a topic for all subscribers at the head: each update once, with its audience, so one query serves any
-- number of connected organisations. For each of them the relay joins the strings of its rows to a frame; the rules of
-- who sees what, and of what is in a subset, stay in SQL: an update is for the subscribers of a subset if one of its marks
-- is the subset's.

CREATE OR REPLACE FUNCTION khala.replay_feed(
    p_topic text,
    p_after bigint,
    p_max_updates integer DEFAULT 200,
    p_max_bytes integer DEFAULT 2097152,
    p_epoch text DEFAULT NULL,
    p_lengths integer[] DEFAULT NULL
)
RETURNS TABLE (
    watermark bigint,
    org_id text,
    except_org_id text,
    update_text text,
    page_tail text,
    next_watermark bigint,
    head_watermark bigint,
    complete boolean,
    marks json
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- Planning a page takes longer than reading it, and one plan suits all; compiling it takes even longer.
SET plan_cache_mode = force_generic_plan
SET jit = off
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
#variable_conflict use_column
DECLARE
    v_page record;
BEGIN
    v_page := khala_internal.open_feed(p_topic, p_after, p_max_updates, p_max_bytes, p_epoch);
    IF v_page.until = v_page.after THEN
        RETURN;
    END IF;

    RETURN QUERY
    SELECT u.watermark, u.org_id, u.except_org_id,
        khala_internal.update_text(p_topic, u.doc_key, u.doc_version, u.watermark, u.payload_hash, u.deleted, u.payload),
        khala_internal.page_tail(p_topic, v_page.until = v_page.head_watermark, v_page.head_watermark, v_page.until),
        v_page.until, v_page.head_watermark, v_page.until = v_page.head_watermark,
        CASE WHEN p_lengths IS NOT NULL THEN khala_internal.marks_of(u.doc_key, p_lengths) END
    FROM khala_internal.feed_updates(v_page.topic, v_page.after, v_page.until) AS u
    ORDER BY u.watermark;
END
$$;

COMMENT ON FUNCTION khala.replay_feed(text, bigint, integer, integer, text, integer[]) IS
'One page of a topic with the audience of every update. Arguments: topic, either name; cursor; limit of watermarks; limit of bytes; epoch of the cursor; lengths of the subsets that subscribers follow, ascending, null when none does. Result: per update its watermark, the organisation that may see it (null: everyone except except_org_id) and its JSON, and on every row alike the end of the payload, the watermark covered, the head and whether it is reached, and of its own the marks of its key in those lengths: an array, null without lengths or marks; no row when the cursor is at the head. Errors: KH001, KH002, KH003, KH007 as khala.replay.';
REVOKE ALL ON FUNCTION khala.replay_feed(text, bigint, integer, integer, text, integer[]) FROM public;
GRANT EXECUTE ON FUNCTION khala.replay_feed(text, bigint, integer, integer, text, integer[]) TO khala_relay;
