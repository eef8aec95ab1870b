-- Whether a column may hold nulls: a constraint that is not validated yet (PostgreSQL 18) leaves the old ones.

CREATE OR REPLACE FUNCTION khala_internal.may_be_null(p_relation oid, p_column smallint)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT NOT a.attnotnull OR EXISTS (
    SELECT FROM pg_constraint AS n
    WHERE n.conrelid = a.attrelid AND n.contype = 'n' AND n.conkey = ARRAY[a.attnum] AND NOT n.convalidated
)
FROM pg_attribute AS a
WHERE a.attrelid = p_relation AND a.attnum = p_column
$$;

COMMENT ON FUNCTION khala_internal.may_be_null(oid, smallint) IS
'Internal: whether a column may hold nulls. Arguments: the table; number of the column. Result: true or false; null without such a column. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.may_be_null(oid, smallint) FROM public;
