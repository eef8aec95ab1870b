-- Number of entities of a kind: the total of a progress bar.

CREATE OR REPLACE FUNCTION khala.count_entities(p_kind text)
RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT count(*) FROM runtime.entities AS e WHERE e.kind = p_kind;
$$;

COMMENT ON FUNCTION khala.count_entities(text) IS
'Number of entities of a kind. Argument: run or codex_worker. Result: the number, 0 for another kind. Errors: none.';
REVOKE ALL ON FUNCTION khala.count_entities(text) FROM public;
GRANT EXECUTE ON FUNCTION khala.count_entities(text) TO khala_runtime, khala_dba;
