BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(4);

SELECT lightning.create_paywall('ann', '{"paywallId": "pw", "name": "News", "policy": {"fixedAmountMsats": 1000}}');
SELECT lightning.change_paywall('ann', 'pw', '{"metadata": [1], "policy": {"allowedHosts": ["a.com"]}, "routes": [
    {"routeId": "b", "hostPattern": "b.com", "pathPattern": "/", "upstreamUrl": "https://u", "protocol": "https", "priority": 2},
    {"routeId": "a", "hostPattern": "a.com", "pathPattern": "/", "upstreamUrl": "https://u", "protocol": "https", "priority": 2},
    {"routeId": "z", "hostPattern": "z.com", "pathPattern": "/", "upstreamUrl": "https://u", "protocol": "https", "priority": 1}
]}');
SELECT is((SELECT jsonb_path_query_array(d.document::jsonb, '$.routes[*].routeId') FROM khala_internal.lightning_paywall_documents() AS d WHERE d.paywall_id = 'pw'), '["z", "a", "b"]'::jsonb, 'routes by priority, then identifier');
SELECT is((SELECT (d.document -> 'metadata')::jsonb FROM khala_internal.lightning_paywall_documents() AS d WHERE d.paywall_id = 'pw'), '[1]'::jsonb, 'metadata as given');
SELECT ok(NOT d.document::jsonb ? 'description' AND NOT d.document::jsonb -> 'policy' ? 'quotaPerDay', 'absent fields are left out')
FROM khala_internal.lightning_paywall_documents() AS d WHERE d.paywall_id = 'pw';
SELECT is((SELECT (d.document #> '{policy,allowedHosts}')::jsonb FROM khala_internal.lightning_paywall_documents() AS d WHERE d.paywall_id = 'pw'), '["a.com"]'::jsonb, 'hosts of the policy');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
