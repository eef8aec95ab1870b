-- Epoch in which watermarks count. There is none while the epoch table's file is not the one in which the
-- newest epoch began: a dump has then been restored, and until khala.ensure_epoch runs, a cursor cannot be
-- distinguished from one given before the restore.

CREATE OR REPLACE FUNCTION khala.current_epoch()
RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- In PL/pgSQL because that keeps the plan; before PostgreSQL 18 SQL functions made a new one at each call.
    RETURN (
        SELECT CASE WHEN split_part(e.fingerprint, '/', 4) = pg_relation_filenode(e.tableoid)::text THEN e.epoch END
        FROM runtime.sync_epochs AS e
        ORDER BY e.epoch_number DESC
        LIMIT 1
    );
END
$$;

COMMENT ON FUNCTION khala.current_epoch() IS
'Current epoch. Arguments: none. Result: its name; null in a restored dump until khala.ensure_epoch has run. Errors: none.';
REVOKE ALL ON FUNCTION khala.current_epoch() FROM public;
GRANT EXECUTE ON FUNCTION khala.current_epoch() TO khala_runtime, khala_relay, khala_dba;
