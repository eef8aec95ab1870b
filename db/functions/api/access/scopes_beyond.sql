-- What a token request may not have: a token's scopes are among those of its key or session, or within them. A topic has
-- two names, and a scope of one is a scope of the other, as for a subscription (khala.check_cursors). A scope that is no
-- topic counts by itself.

CREATE OR REPLACE FUNCTION khala.scopes_beyond(p_requested text[], p_allowed text[])
RETURNS text[]
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(array_agg(r.scope ORDER BY r.place), '{}')
    FROM unnest(p_requested) WITH ORDINALITY AS r (scope, place)
    WHERE r.scope = ANY (p_allowed) IS NOT TRUE AND NOT EXISTS (
        SELECT FROM runtime.sync_topics AS t
        CROSS JOIN LATERAL khala_internal.scope_prefixes(ARRAY[r.scope], t.topic, t.enum_name) AS requested
        WHERE requested IS NOT NULL AND khala_internal.is_within(
            requested, khala_internal.scope_prefixes(coalesce(p_allowed, '{}'), t.topic, t.enum_name)
        )
    );
$$;

COMMENT ON FUNCTION khala.scopes_beyond(text[], text[]) IS
'Scopes that a token must not have. Arguments: scopes that are requested for it; scopes of its holder; in both, either name of a topic, alone or with a slash and a prefix of keys. Result: those of the first that the second does not allow, in their order; an empty array when all are allowed. Errors: none.';
REVOKE ALL ON FUNCTION khala.scopes_beyond(text[], text[]) FROM public;
GRANT EXECUTE ON FUNCTION khala.scopes_beyond(text[], text[]) TO khala_relay;
