-- What a live socket may no longer have under a new token: subscriptions whose keys its scopes do not all allow.

CREATE OR REPLACE FUNCTION khala.subsets_beyond(p_subsets json, p_scopes text[])
RETURNS text[]
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(array_agg(s.topic ORDER BY s.place), '{}')
    FROM json_each(p_subsets) WITH ORDINALITY AS s (topic, subset, place)
    WHERE NOT EXISTS (
        SELECT FROM runtime.sync_topics AS t
        WHERE s.topic IN (t.topic, t.enum_name) AND khala_internal.is_within(
            ARRAY(SELECT g.first_key FROM khala_internal.subset_ranges(nullif(s.subset::jsonb, 'null')) AS g),
            khala_internal.scope_prefixes(coalesce(p_scopes, '{}'), t.topic, t.enum_name)
        )
    );
$$;

COMMENT ON FUNCTION khala.subsets_beyond(json, text[]) IS
'Topics of which a token does not allow what is subscribed. Arguments: an object of topics, either name, each with its subset from khala.check_cursors, null for all keys; scopes of the token. Result: those topics, as named, in their order; an empty array when all is allowed. Errors: none.';
REVOKE ALL ON FUNCTION khala.subsets_beyond(json, text[]) FROM public;
GRANT EXECUTE ON FUNCTION khala.subsets_beyond(json, text[]) TO khala_relay;
