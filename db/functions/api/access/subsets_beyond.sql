-- What a live socket may no longer have under a new token: subscriptions whose keys its scopes do not all allow.

CREATE OR REPLACE FUNCTION khala.subsets_beyond(p_topics text[], p_subsets jsonb[], p_scopes text[])
RETURNS text[]
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(array_agg(s.topic ORDER BY s.place), '{}')
    FROM unnest(p_topics, p_subsets) WITH ORDINALITY AS s (topic, subset, place)
    WHERE NOT EXISTS (
        SELECT FROM runtime.sync_topics AS t
        WHERE s.topic IN (t.topic, t.enum_name) AND khala_internal.is_within(
            ARRAY(SELECT g.first_key FROM khala_internal.subset_ranges(s.subset) AS g),
            khala_internal.scope_prefixes(coalesce(p_scopes, '{}'), t.topic, t.enum_name)
        )
    );
$$;

COMMENT ON FUNCTION khala.subsets_beyond(text[], jsonb[], text[]) IS
'Topics of which a token does not allow what is subscribed. Arguments: topics, either name; the subset of each, from khala.check_cursors, null for all keys; scopes of the token. Result: those topics, as named, in their order; an empty array when all is allowed. Errors: none.';
REVOKE ALL ON FUNCTION khala.subsets_beyond(text[], jsonb[], text[]) FROM public;
GRANT EXECUTE ON FUNCTION khala.subsets_beyond(text[], jsonb[], text[]) TO khala_relay;
