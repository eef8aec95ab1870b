BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(6);

SELECT lightning.create_paywall('ann', jsonb_build_object('paywallId', 'pw' || n, 'name', 'x', 'policy', '{"fixedAmountMsats": 1}'::jsonb)) FROM generate_series(1, 3) AS n;
SELECT lightning.create_paywall('bob', '{"name": "x", "policy": {"fixedAmountMsats": 1}}');
UPDATE lightning.paywalls SET created_at_ms = 5;
SELECT is((SELECT lightning.list_paywalls('ann', NULL, 2) ->> 'nextCursor'), '5:pw2', 'there is more');
SELECT is((SELECT jsonb_path_query_array(lightning.list_paywalls('ann', '5:pw2', 2), '$.paywalls[*].paywallId')), '["pw3"]'::jsonb, 'the next page');
SELECT is((SELECT lightning.list_paywalls('zoe')), '{"ok": true, "paywalls": []}'::jsonb, 'nothing');
SELECT throws_ok(q.query, 'KH020', q.message, q.query)
FROM (
    VALUES
    ($$SELECT lightning.list_paywalls('ann', 'x')$$, 'invalid_cursor'),
    ($$SELECT lightning.list_paywalls('ann', NULL, 0)$$, 'invalid_limit'),
    ($$SELECT lightning.list_paywalls('ann', NULL, 1001)$$, 'invalid_limit')
) AS q (query, message);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
