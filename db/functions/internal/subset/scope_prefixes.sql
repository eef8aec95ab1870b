-- Prefixes of the keys that the scopes of a token allow in a topic. A scope is the topic, by either name, or the topic,
-- a slash and a prefix; no topic has a slash in its name (khala_internal.check_topic). With a slash and nothing behind it,
-- as of a customer whose name was empty, it allows nothing.

CREATE OR REPLACE FUNCTION khala_internal.scope_prefixes(p_scopes text[], p_topic text, p_enum_name text)
RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN p_scopes IS NULL THEN '{""}'
        ELSE (
            SELECT array_agg(DISTINCT substr(s.scope, strpos(s.scope || '/', '/') + 1))
            FROM unnest(p_scopes) AS s (scope)
            WHERE split_part(s.scope, '/', 1) IN (p_topic, p_enum_name) AND strpos(s.scope, '/') < length(s.scope)
        )
    END;
$$;

COMMENT ON FUNCTION khala_internal.scope_prefixes(text[], text, text) IS
'Internal: prefixes of the keys that scopes allow in a topic. Arguments: scopes, null for all topics; both names of the topic. Result: prefixes, an empty one for the whole topic; null when the scopes do not include the topic. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.scope_prefixes(text[], text, text) FROM public;
