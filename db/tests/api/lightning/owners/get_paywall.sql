BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(3);

SELECT lightning.create_paywall('ann', '{"paywallId": "pw", "name": "News", "policy": {"fixedAmountMsats": 1000}}');
SELECT is((SELECT lightning.get_paywall('ann', 'pw') #>> '{paywall,name}'), 'News', 'the owner''s');
SELECT throws_ok($$SELECT lightning.get_paywall('bob', 'pw')$$, 'KH023', NULL, 'another owner has none');
SELECT throws_ok($$SELECT lightning.get_paywall('ann', NULL)$$, 'KH023', NULL, 'nor one without a name');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
