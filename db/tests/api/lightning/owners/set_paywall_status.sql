BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(10);

SELECT lightning.create_paywall('ann', '{"paywallId": "pw", "name": "News", "policy": {"fixedAmountMsats": 1000}}');
SELECT is((SELECT lightning.set_paywall_status('ann', 'pw', 'paused', '1') #>> '{paywall,status}'), 'paused', 'paused');
SELECT is((SELECT lightning.set_paywall_status('ann', 'pw', 'active', '2') #>> '{paywall,status}'), 'active', 'active');
SELECT is((SELECT lightning.set_paywall_status('ann', 'pw', 'paused', '1') #>> '{paywall,status}'), 'paused', 'paused');
SELECT is((SELECT w.status FROM lightning.paywalls AS w), 'active', 'the repeat with the key changed nothing');
SELECT lives_ok($$SELECT lightning.set_paywall_status('ann', 'pw', 'archived')$$, 'archived');
SELECT is((SELECT lightning.set_paywall_status('ann', 'pw', 'archived') #>> '{paywall,status}'), 'archived', 'again, which changes nothing');
SELECT throws_ok($$SELECT lightning.set_paywall_status('ann', 'pw', 'active')$$, 'KH021', NULL, 'for good');
SELECT throws_ok($$SELECT lightning.set_paywall_status('bob', 'pw', 'active')$$, 'KH023', NULL, 'another owner has none');
SELECT throws_ok(q.query, 'KH020', q.message, q.query)
FROM (
    VALUES
    ($$SELECT lightning.set_paywall_status('ann', 'pw', 'lost')$$, 'invalid_status'),
    ($$SELECT lightning.set_paywall_status('ann', 'pw', NULL)$$, 'missing_status')
) AS q (query, message);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
