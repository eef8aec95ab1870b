-- Version of the summary documents. Raise it when khala_internal.summarize_entities builds another document from the
-- same history: each summary is then rewritten when it is next projected, and is not counted as drift.

CREATE OR REPLACE FUNCTION khala.projection_version()
RETURNS integer
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN 2;
END
$$;

COMMENT ON FUNCTION khala.projection_version() IS
'Version of the summary documents. Result: a positive integer that grows when their content is built differently. Errors: none.';
REVOKE ALL ON FUNCTION khala.projection_version() FROM public;
GRANT EXECUTE ON FUNCTION khala.projection_version() TO khala_runtime, khala_relay, khala_dba;
