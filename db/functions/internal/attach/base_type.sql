-- Type below a domain. A value cast to the domain itself would be checked by functions of the domain's owner.

CREATE OR REPLACE FUNCTION khala_internal.base_type(p_type oid)
RETURNS oid
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
WITH RECURSIVE type AS (
    SELECT t.oid, t.typbasetype FROM pg_type AS t WHERE t.oid = p_type
    UNION ALL
    SELECT b.oid, b.typbasetype FROM type AS t INNER JOIN pg_type AS b ON t.typbasetype = b.oid
)
SELECT t.oid FROM type AS t WHERE t.typbasetype = 0
$$;

COMMENT ON FUNCTION khala_internal.base_type(oid) IS
'Internal: type below a domain, and below the domains that it is of. Argument: a type. Result: the type; the argument for one that is no domain. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.base_type(oid) FROM public;
