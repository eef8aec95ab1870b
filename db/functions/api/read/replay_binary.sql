-- One page of a topic as one organisation may see it, as an UpdateBatch in protobuf: khala.replay for the binary
-- lane. Only the format differs.

CREATE OR REPLACE FUNCTION khala.replay_binary(
    p_topic text,
    p_after bigint,
    p_org_id text,
    p_max_updates integer DEFAULT 200,
    p_max_bytes integer DEFAULT 2097152,
    p_epoch text DEFAULT NULL,
    p_compact boolean DEFAULT FALSE,
    p_subset jsonb DEFAULT NULL
)
RETURNS TABLE (page bytea, next_watermark bigint, head_watermark bigint, complete boolean, updates integer)
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
        coalesce(string_agg(p.bytes, ''::bytea), ''::bytea) || khala_internal.page_tail_bytes(
            p_topic, v_page.until = v_page.head_watermark, v_page.head_watermark, v_page.until
        ),
        v_page.until, v_page.head_watermark, v_page.until = v_page.head_watermark, count(*)::integer
    FROM (
        SELECT khala_internal.update_bytes(
            p_topic, r.doc_key, r.doc_version, r.watermark, r.payload_hash, r.deleted, r.payload
        ) AS bytes
        FROM khala_internal.page_rows(
            v_page.topic, v_page.after, v_page.until, p_org_id, FALSE, v_page.lengths, v_page.marks
        ) AS r
        WHERE v_page.kept IS NULL OR r.watermark = ANY(v_page.kept)
        ORDER BY r.watermark
    ) AS p;
END
$$;

COMMENT ON FUNCTION khala.replay_binary(text, bigint, text, integer, integer, text, boolean, jsonb) IS
'One page of a topic for one organisation in protobuf. Arguments: as khala.replay. Result: an UpdateBatch, the watermark it covers, the head, whether it reaches the head, number of updates. Errors: as khala.replay.';
REVOKE ALL ON FUNCTION khala.replay_binary(text, bigint, text, integer, integer, text, boolean, jsonb) FROM public;
GRANT EXECUTE ON FUNCTION khala.replay_binary(text, bigint, text, integer, integer, text, boolean, jsonb) TO khala_relay;
