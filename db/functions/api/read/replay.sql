-- One page of a topic as one organisation may see it, as the finished payload of an update_batch. A range of
-- watermarks bounds the rows read (khala_internal.open_page), so a page may be empty and still cover thousands of
-- watermarks. STABLE: cursor check and read share the snapshot of the calling query.

CREATE OR REPLACE FUNCTION khala.replay(
    p_topic text,
    p_after bigint,
    p_org_id text,
    p_max_updates integer DEFAULT 200,
    p_max_bytes integer DEFAULT 2097152,
    p_epoch text DEFAULT NULL,
    p_compact boolean DEFAULT FALSE,
    p_subset jsonb DEFAULT NULL
)
RETURNS TABLE (page text, next_watermark bigint, head_watermark bigint, complete boolean, updates integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
-- Planning a page takes longer than reading it, and one plan suits all; compiling it takes even longer.
SET plan_cache_mode = force_generic_plan
SET jit = off
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
DECLARE
    v_page record;
BEGIN
    v_page := khala_internal.open_page(p_topic, p_after, p_org_id, p_max_updates, p_max_bytes, p_epoch, p_compact, p_subset);
    -- The page is made in one expression and returned from there: each copy of it costs about as much as reading its
    -- rows.
    RETURN QUERY
    SELECT
        '{"updates":[' || coalesce(string_agg(p.text, ','), '') || khala_internal.page_tail(
            p_topic, v_page.until = v_page.head_watermark, v_page.head_watermark, v_page.until
        ),
        v_page.until, v_page.head_watermark, v_page.until = v_page.head_watermark, count(*)::integer
    FROM (
        SELECT khala_internal.update_text(
            p_topic, r.doc_key, r.doc_version, r.watermark, r.payload_hash, r.deleted, r.payload
        ) AS text
        FROM khala_internal.page_rows(
            v_page.topic, v_page.after, v_page.until, p_org_id, FALSE, v_page.lengths, v_page.marks
        ) AS r
        WHERE v_page.kept IS NULL OR r.watermark = ANY(v_page.kept)
        ORDER BY r.watermark
    ) AS p;
END
$$;

COMMENT ON FUNCTION khala.replay(text, bigint, text, integer, integer, text, boolean, jsonb) IS
'One page of a topic for one organisation. Arguments: topic, either name; cursor, null for the earliest retained one; organisation, null sees public documents only; limit of updates; limit of bytes, which one update may exceed alone; epoch of the cursor, null for the current one; whether the page may leave out versions that a later one has replaced (the rest stays in order, and every tombstone is sent); subset of its keys, from khala.check_cursors, null for all. Result: the update_batch payload as JSON, the watermark it covers, the head, whether it reaches the head, number of updates. Errors: KH001, KH002 cursor below the retention floor, KH003 cursor ahead or of another epoch, KH007.';
REVOKE ALL ON FUNCTION khala.replay(text, bigint, text, integer, integer, text, boolean, jsonb) FROM public;
GRANT EXECUTE ON FUNCTION khala.replay(text, bigint, text, integer, integer, text, boolean, jsonb) TO khala_relay;
