-- Whether everything that begins in some way begins with one of some prefixes: the rule of what a scope covers, for the
-- filters of a subscription, the scopes of a requested token and a live subscription under a new token.

CREATE OR REPLACE FUNCTION khala_internal.is_within(p_beginnings text[], p_prefixes text[])
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NOT EXISTS (
        SELECT FROM unnest(p_beginnings) AS b (beginning)
        WHERE b.beginning ^@ ANY (p_prefixes) IS NOT TRUE
    );
$$;

COMMENT ON FUNCTION khala_internal.is_within(text[], text[]) IS
'Internal: whether each beginning begins with a prefix. Arguments: beginnings of keys, an empty one for all; prefixes that are allowed, null for none. Result: true or false. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.is_within(text[], text[]) FROM public;
