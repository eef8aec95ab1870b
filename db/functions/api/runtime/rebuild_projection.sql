-- Rebuilds the summary of one run or worker from its history, regardless of the checkpoint.

CREATE OR REPLACE FUNCTION khala.rebuild_projection(p_kind text, p_id text)
RETURNS TABLE (watermark bigint, outcome text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT r.watermark, r.outcome FROM khala_internal.rebuild_entities(p_kind, ARRAY[p_id]) AS r;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% % is not known', p_kind, coalesce(quote_literal(left(p_id, 200)), 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Only what has at least one event has a summary.';
    END IF;
END
$$;

COMMENT ON FUNCTION khala.rebuild_projection(text, text) IS
'Drops and rebuilds the summary of one entity from its history. Arguments: run or codex_worker; its id. Result: watermark and outcome of the new summary. Errors: KH007 unknown kind or entity.';
REVOKE ALL ON FUNCTION khala.rebuild_projection(text, text) FROM public;
GRANT EXECUTE ON FUNCTION khala.rebuild_projection(text, text) TO khala_runtime, khala_dba;
