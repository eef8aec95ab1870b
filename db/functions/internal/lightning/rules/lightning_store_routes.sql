-- Replaces the routes of a paywall. A route that keeps its identifier keeps its time of creation.

CREATE OR REPLACE FUNCTION khala_internal.lightning_store_routes(p_paywall_id text, p_owner_id text, p_routes jsonb, p_now bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_stored bigint;
BEGIN
    IF jsonb_typeof(p_routes) <> 'array' OR jsonb_array_length(p_routes) > 1000 THEN
        PERFORM khala_internal.lightning_refuse('invalid', 'routes', 'Pass an array of at most 1000 routes.');
    END IF;
    IF EXISTS (SELECT FROM jsonb_array_elements(p_routes) AS e WHERE jsonb_typeof(e.value) <> 'object') THEN
        PERFORM khala_internal.lightning_refuse('invalid', 'routes', 'Each route is an object.');
    END IF;
    -- A temporary table would cost more than reading the array twice.
    IF EXISTS (
        SELECT FROM jsonb_array_elements(p_routes) AS e
        INNER JOIN lightning.routes AS r ON khala_internal.lightning_text(e.value, 'routeId') = r.route_id
        WHERE r.paywall_id <> p_paywall_id
    ) THEN
        PERFORM khala_internal.lightning_refuse('invalid', 'routeId', 'The route belongs to another paywall.');
    END IF;
    IF EXISTS (
        SELECT FROM jsonb_array_elements(p_routes) AS e
        GROUP BY khala_internal.lightning_text(e.value, 'routeId', p_most => 200)
        HAVING count(*) > 1 AND khala_internal.lightning_text((array_agg(e.value))[1], 'routeId') IS NOT NULL
    ) THEN
        PERFORM khala_internal.lightning_refuse('invalid', 'routeId', 'Give each route an identifier of its own.');
    END IF;
    DELETE FROM lightning.routes AS r
    WHERE r.paywall_id = p_paywall_id AND r.route_id NOT IN (
        SELECT khala_internal.lightning_text(e.value, 'routeId') FROM jsonb_array_elements(p_routes) AS e
        WHERE khala_internal.lightning_text(e.value, 'routeId') IS NOT NULL
    );
    INSERT INTO lightning.routes AS r (
        route_id, paywall_id, owner_id, host_pattern, path_pattern, upstream_url, protocol, timeout_ms, priority,
        created_at_ms, updated_at_ms
    )
    SELECT
        coalesce(khala_internal.lightning_text(e.value, 'routeId'), 'rt_' || gen_random_uuid()),
        p_paywall_id,
        p_owner_id,
        khala_internal.lightning_text(e.value, 'hostPattern', TRUE, p_most => 300),
        khala_internal.lightning_text(e.value, 'pathPattern', TRUE),
        khala_internal.lightning_text(e.value, 'upstreamUrl', TRUE),
        khala_internal.lightning_text(e.value, 'protocol', TRUE, ARRAY['http', 'https']),
        coalesce(khala_internal.lightning_integer(e.value, 'timeoutMs', p_most => 2147483647), 0),
        coalesce(khala_internal.lightning_integer(e.value, 'priority', p_most => 2147483647), 100),
        p_now,
        p_now
    FROM jsonb_array_elements(p_routes) AS e
    ON CONFLICT (route_id) DO UPDATE
    SET host_pattern = excluded.host_pattern,
        path_pattern = excluded.path_pattern,
        upstream_url = excluded.upstream_url,
        protocol = excluded.protocol,
        timeout_ms = excluded.timeout_ms,
        priority = excluded.priority,
        updated_at_ms = excluded.updated_at_ms
    WHERE r.paywall_id = p_paywall_id;
    -- Another owner may have taken an identifier since it was looked for.
    GET DIAGNOSTICS v_stored = ROW_COUNT;
    IF v_stored <> jsonb_array_length(p_routes) THEN
        PERFORM khala_internal.lightning_refuse('invalid', 'routeId', 'The route belongs to another paywall.');
    END IF;
END
$$;

COMMENT ON FUNCTION khala_internal.lightning_store_routes(text, text, jsonb, bigint) IS
'Internal: replaces the routes of a paywall. Arguments: paywall; owner; JSON array of routes, each with hostPattern, pathPattern, upstreamUrl and protocol; the time. Errors: KH020.';
REVOKE ALL ON FUNCTION khala_internal.lightning_store_routes(text, text, jsonb, bigint) FROM public;
