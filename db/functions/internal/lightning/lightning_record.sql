-- A row as the API shows it: camelCase, absent fields left out, free JSON not touched.

CREATE OR REPLACE FUNCTION khala_internal.lightning_record(p_row jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT coalesce(jsonb_object_agg(
    left(e.key, 1) || substr(replace(initcap(replace(e.key, '_', ' ') COLLATE "C"), ' ', ''), 2), e.value
), '{}')
FROM jsonb_each(p_row) AS e
WHERE e.value <> 'null'
$$;

COMMENT ON FUNCTION khala_internal.lightning_record(jsonb) IS
'Internal: a row as the API shows it. Argument: the row as JSON, in snake_case. Result: the document. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.lightning_record(jsonb) FROM public;
