-- One page of a topic as one organisation may see it, as the finished payload of an update_batch. The
-- watermarks of a topic are contiguous, so a range of them bounds the rows looked at, whatever the size
-- of the journal and however few of its rows the subscriber may see: a page may be empty and still cover
-- thousands of watermarks. STABLE: cursor check and read share the snapshot of the calling query.

CREATE OR REPLACE FUNCTION khala.replay(
    p_topic text,
    p_after bigint,
    p_org_id text,
    p_max_updates integer DEFAULT 200,
    p_max_bytes integer DEFAULT 2097152,
    p_epoch text DEFAULT NULL
)
RETURNS TABLE (page text, next_watermark bigint, head_watermark bigint, complete boolean, updates integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
-- Compiling a plan takes longer than a page may.
SET jit = off
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
DECLARE
    v_cursor record;
    v_until bigint;
    v_left_out bigint;
BEGIN
    PERFORM khala.check_page_limits(p_max_updates, p_max_bytes);
    v_cursor := khala.open_cursor(p_topic, p_after, p_epoch);
    head_watermark := v_cursor.head_watermark;
    v_until := least(head_watermark, v_cursor.after + greatest(5000, p_max_updates));

    SELECT
        '{"updates":[' || coalesce(string_agg(
            khala.update_text(
                p_topic, u.doc_key, u.doc_version, u.watermark, u.payload_hash, u.deleted, u.payload
            ), ','
            ORDER BY u.watermark
        ) FILTER (WHERE u.fits), ''),
        count(*) FILTER (WHERE u.fits),
        min(u.watermark) FILTER (WHERE NOT u.fits)
    INTO page, updates, v_left_out
    FROM khala.page_updates(v_cursor.topic, v_cursor.after, v_until, p_org_id, p_max_updates, p_max_bytes) AS u;

    next_watermark := coalesce(v_left_out - 1, v_until);
    complete := next_watermark = head_watermark;
    page := page || khala.page_tail(p_topic, complete, head_watermark, next_watermark);
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION khala.replay(text, bigint, text, integer, integer, text) IS
'One page of a topic for one organisation. Arguments: topic, either name; cursor, null for the earliest retained; organisation, null sees public documents only; most updates; most bytes, though never less than one update; epoch of the cursor, null to take the one in force. Result: the update_batch payload as JSON text, the watermark it covers, the head, whether it reaches the head, number of updates. Errors: KH001, KH002 cursor below the retention floor, KH003 cursor ahead or of another epoch, KH007.';
REVOKE ALL ON FUNCTION khala.replay(text, bigint, text, integer, integer, text) FROM public;
GRANT EXECUTE ON FUNCTION khala.replay(text, bigint, text, integer, integer, text) TO khala_relay;
