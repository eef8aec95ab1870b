-- One page of a topic for all subscribers at the head, in protobuf: khala.replay_feed for the binary lane. For each
-- organisation the relay joins the bytes of its rows to a frame.

CREATE OR REPLACE FUNCTION khala.replay_feed_binary(
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
    update_bytes bytea,
    page_tail bytea,
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
    v_tail bytea;
BEGIN
    v_page := khala_internal.open_feed(p_topic, p_after, p_max_updates, p_max_bytes, p_epoch);
    IF v_page.until = v_page.after THEN
        RETURN;
    END IF;

    v_tail := khala_internal.page_tail_bytes(
        p_topic, v_page.until = v_page.head_watermark, v_page.head_watermark, v_page.until
    );
    RETURN QUERY
    SELECT u.watermark, u.org_id, u.except_org_id,
        khala_internal.update_bytes(p_topic, u.doc_key, u.doc_version, u.watermark, u.payload_hash, u.deleted, u.payload),
        v_tail, v_page.until, v_page.head_watermark, v_page.until = v_page.head_watermark,
        CASE WHEN p_lengths IS NOT NULL THEN khala_internal.marks_of(u.doc_key, p_lengths) END
    FROM khala_internal.feed_updates(v_page.topic, v_page.after, v_page.until) AS u
    ORDER BY u.watermark;
END
$$;

COMMENT ON FUNCTION khala.replay_feed_binary(text, bigint, integer, integer, text, integer[]) IS
'One page of a topic with the audience of every update, in protobuf. Arguments: as khala.replay_feed. Result: as khala.replay_feed, with each update as bytes of an UpdateBatch and the bytes that end it. Errors: as khala.replay_feed.';
REVOKE ALL ON FUNCTION khala.replay_feed_binary(text, bigint, integer, integer, text, integer[]) FROM public;
GRANT EXECUTE ON FUNCTION khala.replay_feed_binary(text, bigint, integer, integer, text, integer[]) TO khala_relay;
