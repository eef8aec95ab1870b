-- Version of the SQL API. A relay or client library refuses a version it does not know.

CREATE OR REPLACE FUNCTION khala.schema_version()
RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT 1;
$$;

COMMENT ON FUNCTION khala.schema_version() IS
'Version of the SQL API. Arguments: none. Result: a number that grows with every incompatible change. Errors: none.';
REVOKE ALL ON FUNCTION khala.schema_version() FROM public;
GRANT EXECUTE ON FUNCTION khala.schema_version() TO khala_runtime, khala_relay, khala_dba;
