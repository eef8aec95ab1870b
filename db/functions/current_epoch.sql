-- The epoch that watermarks count in now.

CREATE OR REPLACE FUNCTION khala.current_epoch()
RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT e.epoch FROM runtime.sync_epochs AS e ORDER BY e.epoch_number DESC LIMIT 1;
$$;

COMMENT ON FUNCTION khala.current_epoch() IS
'The epoch in force. Arguments: none. Result: its name. Errors: none.';
REVOKE ALL ON FUNCTION khala.current_epoch() FROM public;
GRANT EXECUTE ON FUNCTION khala.current_epoch() TO khala_runtime, khala_relay, khala_dba;
