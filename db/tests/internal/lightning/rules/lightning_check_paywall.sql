BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(4);

SELECT lightning.create_paywall('ann', '{"paywallId": "pw", "name": "News", "policy": {"fixedAmountMsats": 1000}}');
SELECT lives_ok($$SELECT khala_internal.lightning_check_paywall('pw', 'ann')$$, 'a paywall of its owner');
SELECT throws_ok(q.query, 'KH020', q.message, q.query)
FROM (
    VALUES
    ($$SELECT khala_internal.lightning_check_paywall('no', 'ann')$$, 'invalid_paywallId'),
    ($$SELECT khala_internal.lightning_check_paywall('pw', 'bob')$$, 'invalid_ownerId'),
    ($$SELECT khala_internal.lightning_check_paywall('pw', NULL)$$, 'invalid_ownerId')
) AS q (query, message);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
