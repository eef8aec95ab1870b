BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(9);

SELECT lightning.create_paywall('ann', '{"paywallId": "pw", "name": "News", "policy": {"fixedAmountMsats": 1000}}');
SELECT khala_internal.lightning_store_policy('pw', 'ann', '{"maxPerRequestMsats": 5, "allowedHosts": ["a"], "killSwitch": true}', 77);
SELECT results_eq(
    $$SELECT o.fixed_amount_msats::bigint, o.max_per_request_msats::bigint, o.allowed_hosts, o.kill_switch, o.updated_at_ms::bigint FROM lightning.policies AS o WHERE o.paywall_id = 'pw'$$,
    $$VALUES (1000::bigint, 5::bigint, ARRAY['a'], TRUE, 77::bigint)$$, 'what is left out keeps its value'
);
SELECT khala_internal.lightning_store_policy('pw', 'ann', '{"allowedHosts": []}', 78);
SELECT is((SELECT o.allowed_hosts FROM lightning.policies AS o WHERE o.paywall_id = 'pw'), NULL::text[], 'an empty array removes the hosts');
SELECT throws_ok(q.query, 'KH020', q.message, q.query)
FROM (
    VALUES
    ($$SELECT khala_internal.lightning_store_policy('new', 'ann', '{}', 1)$$, 'missing_fixedAmountMsats'),
    ($$SELECT khala_internal.lightning_store_policy('pw', 'ann', '[]', 1)$$, 'invalid_policy'),
    ($$SELECT khala_internal.lightning_store_policy('pw', 'ann', '{"pricingMode": "auction"}', 1)$$, 'invalid_pricingMode'),
    ($$SELECT khala_internal.lightning_store_policy('pw', 'ann', '{"fixedAmountMsats": -1}', 1)$$, 'invalid_fixedAmountMsats'),
    ($$SELECT khala_internal.lightning_store_policy('pw', 'ann', '{"maxPerRequestMsats": 0}', 1)$$, 'invalid_maxPerRequestMsats'),
    ($$SELECT khala_internal.lightning_store_policy('pw', 'ann', '{"quotaPerDay": 0}', 1)$$, 'invalid_quotaPerDay'),
    ($$SELECT khala_internal.lightning_store_policy('pw', 'ann', '{"killSwitch": 1}', 1)$$, 'invalid_killSwitch')
) AS q (query, message);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
