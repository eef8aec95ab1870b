-- Projects the summary of one run from its history; a no-op when the summary is up to date.

CREATE OR REPLACE FUNCTION khala.project_run(p_run_id text)
RETURNS TABLE (watermark bigint, outcome text, reason text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT p.watermark, p.outcome, p.reason
    FROM khala_internal.project_entities('run', ARRAY[p_run_id]) AS p;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'run % is not known', coalesce(quote_literal(left(p_run_id, 200)), 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Its first event creates it: khala.append_run_event.';
    END IF;
END
$$;

COMMENT ON FUNCTION khala.project_run(text) IS
'Projects the summary of a run. Argument: its id. Result: watermark (NULL when nothing was written), outcome (applied, rewritten, skipped), reason (new_events; drift, projection_version; unchanged, checkpoint_ahead, read_model_ahead). Errors: KH007 unknown run.';
REVOKE ALL ON FUNCTION khala.project_run(text) FROM public;
GRANT EXECUTE ON FUNCTION khala.project_run(text) TO khala_runtime, khala_dba;
