BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(9);

SELECT lightning.create_paywall('ann', '{"paywallId": "pw", "name": "News", "policy": {"fixedAmountMsats": 1000}}');
SELECT lightning.create_paywall('ann', '{"paywallId": "other", "name": "x", "policy": {"fixedAmountMsats": 1}, "routes": [{"hostPattern": "a.com", "pathPattern": "/", "upstreamUrl": "https://u", "protocol": "https", "routeId": "theirs"}]}');
SELECT khala_internal.lightning_store_routes('pw', 'ann', '[{"hostPattern": "a.com", "pathPattern": "/", "upstreamUrl": "https://u", "protocol": "https", "routeId": "r1"}, {"hostPattern": "a.com", "pathPattern": "/", "upstreamUrl": "https://u", "protocol": "https", "routeId": "r2"}, {"hostPattern": "a.com", "pathPattern": "/", "upstreamUrl": "https://u", "protocol": "https"}]', 50);
SELECT khala_internal.lightning_store_routes('pw', 'ann', '[{"hostPattern": "a.com", "pathPattern": "/", "upstreamUrl": "https://u", "protocol": "https", "routeId": "r2", "timeoutMs": 5, "priority": 7}]', 60);
SELECT results_eq(
    $$SELECT r.route_id::text, r.timeout_ms, r.priority, r.created_at_ms::bigint, r.updated_at_ms::bigint FROM lightning.routes AS r WHERE r.paywall_id = 'pw'$$,
    $$VALUES ('r2', 5, 7, 50::bigint, 60::bigint)$$, 'routes are replaced; one that stays keeps its time of creation'
);
SELECT is((SELECT count(*) FROM lightning.routes AS r WHERE r.paywall_id = 'other'), 1::bigint, 'those of another paywall stay');
SELECT throws_ok(q.query, 'KH020', q.message, q.query)
FROM (
    VALUES
    ($$SELECT khala_internal.lightning_store_routes('pw', 'ann', '{}', 1)$$, 'invalid_routes'),
    ($$SELECT khala_internal.lightning_store_routes('pw', 'ann', '[1]', 1)$$, 'invalid_routes'),
    ($$SELECT khala_internal.lightning_store_routes('pw', 'ann', '[{}]', 1)$$, 'missing_hostPattern'),
    ($$SELECT khala_internal.lightning_store_routes('pw', 'ann', '[{"hostPattern": "a.com", "pathPattern": "/", "upstreamUrl": "https://u", "protocol": "https", "routeId": "theirs"}]', 1)$$, 'invalid_routeId'),
    ($$SELECT khala_internal.lightning_store_routes('pw', 'ann', '[{"hostPattern": "a.com", "pathPattern": "/", "upstreamUrl": "https://u", "protocol": "https", "routeId": "a"}, {"hostPattern": "a.com", "pathPattern": "/", "upstreamUrl": "https://u", "protocol": "https", "routeId": "a"}]', 1)$$, 'invalid_routeId'),
    ($$SELECT khala_internal.lightning_store_routes('pw', 'ann', '[{"hostPattern": "a.com", "pathPattern": "/", "upstreamUrl": "https://u", "protocol": "https", "priority": -1}]', 1)$$, 'invalid_priority'),
    ($$SELECT khala_internal.lightning_store_routes('pw', 'ann', '[{"hostPattern": "a.com", "pathPattern": "/", "upstreamUrl": "https://u", "protocol": "https", "protocol": "ftp"}]', 1)$$, 'invalid_protocol')
) AS q (query, message);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
