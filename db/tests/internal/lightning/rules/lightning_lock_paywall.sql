BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(4);

SELECT lightning.create_paywall('ann', '{"paywallId": "pw", "name": "News", "policy": {"fixedAmountMsats": 1000}}');
SELECT is((SELECT khala_internal.lightning_lock_paywall('ann', 'pw')), 'active', 'its status');
SELECT throws_ok($$SELECT khala_internal.lightning_lock_paywall('bob', 'pw')$$, 'KH023', NULL, 'another owner has no such paywall');
SELECT throws_ok($$SELECT khala_internal.lightning_lock_paywall('ann', NULL)$$, 'KH023', NULL, 'nor has anybody one without a name');
SELECT lightning.set_paywall_status('ann', 'pw', 'archived');
SELECT throws_ok($$SELECT khala_internal.lightning_lock_paywall('ann', 'pw')$$, 'KH021', NULL, 'an archived one never changes');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
