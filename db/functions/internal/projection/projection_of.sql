-- Topic, event types and document keys of each kind of entity, in one place.

CREATE OR REPLACE FUNCTION khala_internal.projection_of(p_kind text)
RETURNS TABLE (projection text, topic text, event_prefix text, id_field text)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    CASE p_kind
        WHEN 'run' THEN
            RETURN QUERY VALUES ('run_summary', 'runtime.run_summaries', 'run.', 'run_id');
        WHEN 'codex_worker' THEN
            RETURN QUERY VALUES ('codex_worker_summary', 'runtime.codex_worker_summaries', 'worker.', 'worker_id');
        ELSE
            RETURN;
    END CASE;
END
$$;

COMMENT ON FUNCTION khala_internal.projection_of(text) IS
'Projection of a kind of entity. Argument: run or codex_worker. Result: one row with the projection''s name (document keys are runtime/<name>:<id>), its topic, the prefix of its event types and the name of the id in its documents; no row for another kind. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.projection_of(text) FROM public;
