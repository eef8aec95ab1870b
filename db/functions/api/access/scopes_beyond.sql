-- What a token request may not have: a token's scopes are among those of its key or session. A topic has two names, and
-- a scope of one is a scope of the other, as for a subscription (khala.check_cursors). A scope that is no topic counts
-- by itself.

CREATE OR REPLACE FUNCTION khala.scopes_beyond(p_requested text[], p_allowed text[])
RETURNS text[]
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(array_agg(r.scope ORDER BY r.place), '{}')
    FROM unnest(p_requested) WITH ORDINALITY AS r (scope, place)
    WHERE r.scope = ANY (p_allowed) IS NOT TRUE AND NOT EXISTS (
        SELECT FROM runtime.sync_topics AS t
        WHERE r.scope IN (t.topic, t.enum_name) AND (t.topic = ANY (p_allowed) OR t.enum_name = ANY (p_allowed))
    );
$$;

COMMENT ON FUNCTION khala.scopes_beyond(text[], text[]) IS
'Scopes that a token must not have. Arguments: scopes that are requested for it; scopes of its holder; either name of a topic in both. Result: those of the first that the second does not allow, in their order; an empty array when all are allowed. Errors: none.';
REVOKE ALL ON FUNCTION khala.scopes_beyond(text[], text[]) FROM public;
GRANT EXECUTE ON FUNCTION khala.scopes_beyond(text[], text[]) TO khala_relay;
