-- Paywalls as the API shows them, with policy and routes. Bound at creation and without a SET clause, so it is inlined
-- and a caller's condition reaches the indexes.

CREATE OR REPLACE FUNCTION khala_internal.lightning_paywall_documents()
RETURNS TABLE (paywall_id text, owner_id text, status text, created_at_ms bigint, document jsonb)
LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT
    w.paywall_id, w.owner_id, w.status, w.created_at_ms,
    jsonb_strip_nulls(jsonb_build_object(
        'paywallId', w.paywall_id, 'ownerId', w.owner_id, 'name', w.name, 'description', w.description,
        'status', w.status, 'requestId', w.request_id,
        'createdAtMs', w.created_at_ms, 'updatedAtMs', w.updated_at_ms,
        'policy', jsonb_build_object(
            'paywallId', o.paywall_id, 'ownerId', o.owner_id, 'pricingMode', o.pricing_mode,
            'fixedAmountMsats', o.fixed_amount_msats, 'maxPerRequestMsats', o.max_per_request_msats,
            'allowedHosts', o.allowed_hosts, 'blockedHosts', o.blocked_hosts,
            'quotaPerMinute', o.quota_per_minute, 'quotaPerDay', o.quota_per_day, 'killSwitch', o.kill_switch,
            'createdAtMs', o.created_at_ms, 'updatedAtMs', o.updated_at_ms
        ),
        'routes', r.routes
    )) || CASE WHEN w.metadata IS NULL THEN '{}' ELSE jsonb_build_object('metadata', w.metadata) END AS document
FROM lightning.paywalls AS w
INNER JOIN lightning.policies AS o ON w.paywall_id = o.paywall_id
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'routeId', t.route_id, 'paywallId', t.paywall_id, 'ownerId', t.owner_id, 'hostPattern', t.host_pattern,
        'pathPattern', t.path_pattern, 'upstreamUrl', t.upstream_url, 'protocol', t.protocol,
        'timeoutMs', t.timeout_ms, 'priority', t.priority, 'createdAtMs', t.created_at_ms, 'updatedAtMs', t.updated_at_ms
    ) ORDER BY t.priority, t.route_id), '[]') AS routes
    FROM lightning.routes AS t
    WHERE t.paywall_id = w.paywall_id
) AS r;
END;

COMMENT ON FUNCTION khala_internal.lightning_paywall_documents() IS
'Internal: every paywall as the API shows it. Result: identifier, owner, status, time of creation, document. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.lightning_paywall_documents() FROM public;
