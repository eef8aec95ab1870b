-- Keys of the documents that changed last, among those that one organisation may see of a subset. No index has their
-- order, which every write would pay for. What changed last is at the end of the journal; where that has too few, all
-- that may be seen are sorted: of 20,000 documents the last 50 take 0.5 ms the first way, and 10.8 the second.

CREATE OR REPLACE FUNCTION khala_internal.newest_keys(
    p_topic text, p_head_watermark bigint, p_org_id text, p_limit integer, p_subset jsonb
)
RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET jit = off
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
DECLARE
    v_lengths integer[] := CASE WHEN p_subset IS NOT NULL THEN khala_internal.subset_lengths(p_subset) END;
    v_keys text[];
BEGIN
    v_keys := ARRAY(
        SELECT l.doc_key
        FROM (
            SELECT j.doc_key, j.watermark
            FROM runtime.sync_stream_events AS j
            WHERE j.topic = p_topic AND j.watermark > p_head_watermark - least(20 * p_limit, 5000)
                AND (v_lengths IS NULL OR EXISTS (SELECT FROM khala_internal.key_marks(j.doc_key, v_lengths, p_subset -> 'marks')))
            ORDER BY j.watermark DESC
            OFFSET 0
        ) AS l
        -- One by one, and only until there are enough.
        CROSS JOIN LATERAL (
            SELECT d.watermark
            FROM runtime.sync_documents AS d
            WHERE d.topic = p_topic AND d.doc_key = l.doc_key AND d.watermark = l.watermark AND NOT d.deleted
                AND (d.org_id IS NULL OR d.org_id = p_org_id)
            LIMIT 1
        ) AS o
        ORDER BY l.watermark DESC
        LIMIT p_limit
    );
    IF cardinality(v_keys) = p_limit THEN
        RETURN v_keys;
    END IF;
    RETURN ARRAY(
        SELECT d.doc_key
        FROM khala_internal.subset_ranges(p_subset) AS g
        CROSS JOIN LATERAL (
            SELECT o.doc_key, o.watermark
            FROM runtime.sync_documents AS o
            WHERE o.topic = p_topic AND o.org_id = p_org_id AND NOT o.deleted AND o.doc_key BETWEEN g.first_key AND g.last_key
            UNION ALL
            SELECT o.doc_key, o.watermark
            FROM runtime.sync_documents AS o
            WHERE o.topic = p_topic AND o.org_id IS NULL AND NOT o.deleted AND o.doc_key BETWEEN g.first_key AND g.last_key
        ) AS d
        WHERE v_lengths IS NULL OR EXISTS (SELECT FROM khala_internal.key_marks(d.doc_key, v_lengths, p_subset -> 'marks'))
        ORDER BY d.watermark DESC
        LIMIT p_limit
    );
END
$$;

COMMENT ON FUNCTION khala_internal.newest_keys(text, bigint, text, integer, jsonb) IS
'Internal: keys of the documents that changed last. Arguments: the topic''s own name; its head; organisation, null sees public documents only; how many; subset of the keys, null for all. Result: keys, the last changed first. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.newest_keys(text, bigint, text, integer, jsonb) FROM public;
