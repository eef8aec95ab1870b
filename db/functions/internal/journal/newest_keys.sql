-- Keys of the documents that changed last, among those that one organisation may see of a subset.

CREATE OR REPLACE FUNCTION khala_internal.newest_keys(p_topic text, p_org_id text, p_limit integer, p_subset jsonb)
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
BEGIN
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

COMMENT ON FUNCTION khala_internal.newest_keys(text, text, integer, jsonb) IS
'Internal: keys of the documents that changed last. Arguments: the topic''s own name; organisation, null sees public documents only; how many; subset of the keys, null for all. Result: keys, the last changed first. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.newest_keys(text, text, integer, jsonb) FROM public;
