-- Whether functions of Khala write to a topic.

CREATE OR REPLACE FUNCTION khala_internal.is_own_topic(p_topic text)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT p_topic IN ('lightning.paywalls', 'lightning.deployments', 'lightning.settlements', 'lightning.security') OR EXISTS (
    SELECT FROM unnest(ARRAY['run', 'codex_worker']) AS k (kind)
    CROSS JOIN LATERAL khala_internal.projection_of(k.kind) AS p
    WHERE p.topic = p_topic
)
$$;

COMMENT ON FUNCTION khala_internal.is_own_topic(text) IS
'Internal: whether functions of Khala write to a topic. Argument: the topic. Result: true or false. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.is_own_topic(text) FROM public;
