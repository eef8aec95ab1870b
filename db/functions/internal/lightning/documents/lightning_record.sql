-- A row as the API shows it: camelCase, absent fields left out, free JSON not touched. In PL/pgSQL, which keeps its
-- plan from one transaction to the next; SQL would plan it at each call.

CREATE OR REPLACE FUNCTION khala_internal.lightning_record(p_row jsonb)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_object_agg(
            left(e.key, 1) || substr(replace(initcap(replace(e.key, '_', ' ') COLLATE "C"), ' ', ''), 2), e.value
        ), '{}')
        FROM jsonb_each(p_row) AS e
        WHERE e.value <> 'null'
    );
END
$$;

COMMENT ON FUNCTION khala_internal.lightning_record(jsonb) IS
'Internal: a row as the API shows it. Argument: the row as JSON, in snake_case. Result: the document. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.lightning_record(jsonb) FROM public;
