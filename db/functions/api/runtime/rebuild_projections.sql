-- Rebuilds the summaries of all entities of a kind, one page per call, so that no transaction holds the topic for
-- long: call it with the last id of the previous page until it returns no row.

CREATE OR REPLACE FUNCTION khala.rebuild_projections(
    p_kind text,
    p_after_id text DEFAULT NULL,
    p_limit integer DEFAULT 100
)
RETURNS TABLE (id text, watermark bigint, outcome text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_ids text[];
BEGIN
    IF p_limit IS NULL OR p_limit NOT BETWEEN 1 AND 10000 THEN
        RAISE EXCEPTION 'p_limit is %', coalesce(p_limit::text, 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use 1 to 10000.';
    END IF;
    SELECT array_agg(e.id ORDER BY e.id) INTO v_ids
    FROM (
        SELECT f.id FROM runtime.entities AS f
        WHERE f.kind = p_kind AND f.id > coalesce(p_after_id, '')
        ORDER BY f.id
        LIMIT p_limit
    ) AS e;
    RETURN QUERY
    SELECT r.id, r.watermark, r.outcome FROM khala_internal.rebuild_entities(p_kind, v_ids) AS r ORDER BY r.id;
END
$$;

COMMENT ON FUNCTION khala.rebuild_projections(text, text, integer) IS
'Drops and rebuilds one page of summaries from history. Arguments: run or codex_worker; last id of the previous page (NULL: from the start); maximum number of entities. Result: per entity, in the order of ids, watermark and outcome of the new summary; no row after the last entity. Errors: KH007 unknown kind or limit.';
REVOKE ALL ON FUNCTION khala.rebuild_projections(text, text, integer) FROM public;
GRANT EXECUTE ON FUNCTION khala.rebuild_projections(text, text, integer) TO khala_runtime, khala_dba;
