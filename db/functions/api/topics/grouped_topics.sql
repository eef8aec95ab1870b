-- Topics that a relay has to sequence.

CREATE OR REPLACE FUNCTION khala.grouped_topics()
RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT s.topic FROM runtime.sync_topic_staging AS s ORDER BY s.topic
$$;

COMMENT ON FUNCTION khala.grouped_topics() IS
'Topics whose writes are grouped. Arguments: none. Result: their names. Errors: none.';
REVOKE ALL ON FUNCTION khala.grouped_topics() FROM public;
GRANT EXECUTE ON FUNCTION khala.grouped_topics() TO khala_relay, khala_runtime, khala_dba;
