BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(5);

SELECT lightning.create_paywall('ann', '{"paywallId": "pw", "name": "News", "policy": {"fixedAmountMsats": 1000}}');
SELECT lightning.ingest_settlement(('{"settlementId": "s", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000, "paymentProofType": "lightning_preimage", "paymentProofValue": " 0000000000000000000000000000000000000000000000000000000000000001 "}'::jsonb || jsonb_build_object('settlementId', 'x' || n, 'paymentProofValue', repeat(n::text, 64)))) FROM generate_series(1, 3) AS n;
UPDATE lightning.settlements SET created_at_ms = 5;
SELECT is((SELECT lightning.list_settlements('ann', 'pw', NULL, 2) ->> 'nextCursor'), '5:x2', 'there is more');
SELECT is((SELECT jsonb_path_query_array(lightning.list_settlements('ann', 'pw', '5:x2', 2), '$.settlements[*].settlementId')), '["x3"]'::jsonb, 'the next page');
SELECT throws_ok($$SELECT lightning.list_settlements('bob', 'pw')$$, 'KH023', NULL, 'another owner has none');
SELECT throws_ok(q.query, 'KH020', q.message, q.query)
FROM (
    VALUES
    ($$SELECT lightning.list_settlements('ann', 'pw', 'x')$$, 'invalid_cursor'),
    ($$SELECT lightning.list_settlements('ann', 'pw', NULL, 0)$$, 'invalid_limit')
) AS q (query, message);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
