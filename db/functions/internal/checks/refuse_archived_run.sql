-- Trigger function that keeps the id of an archived run from being used again: a late event of its writer would begin
-- a second history, whose versions are below that of the tombstone.

CREATE OR REPLACE FUNCTION khala_internal.refuse_archived_run()
RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM runtime.archived_runs AS a WHERE a.id = NEW.id) THEN
        RAISE EXCEPTION 'run % was archived', quote_literal(NEW.id)
            USING ERRCODE = 'KH009', HINT = 'Its history is in runtime.archived_run_events. Use another id.';
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION khala_internal.refuse_archived_run() IS
'Trigger on runtime.runs: refuses a run whose id an archived one has. Errors: KH009.';
REVOKE ALL ON FUNCTION khala_internal.refuse_archived_run() FROM public;
