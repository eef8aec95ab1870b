BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(5);

SELECT lightning.create_paywall('ann', '{"paywallId": "pw", "name": "News", "policy": {"fixedAmountMsats": 1000}}');
SELECT lightning.ingest_invoice_lifecycle(('{"invoiceId": "i", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000, "status": "open"}'::jsonb || jsonb_build_object('invoiceId', 'x' || n))) FROM generate_series(1, 3) AS n;
UPDATE lightning.invoices SET created_at_ms = 5;
SELECT is((SELECT lightning.list_invoices('ann', 'pw', NULL, 2) ->> 'nextCursor'), '5:x2', 'there is more');
SELECT is((SELECT jsonb_path_query_array(lightning.list_invoices('ann', 'pw', '5:x2', 2), '$.invoices[*].invoiceId')), '["x3"]'::jsonb, 'the next page');
SELECT throws_ok($$SELECT lightning.list_invoices('bob', 'pw')$$, 'KH023', NULL, 'another owner has none');
SELECT throws_ok(q.query, 'KH020', q.message, q.query)
FROM (
    VALUES
    ($$SELECT lightning.list_invoices('ann', 'pw', 'x')$$, 'invalid_cursor'),
    ($$SELECT lightning.list_invoices('ann', 'pw', NULL, 0)$$, 'invalid_limit')
) AS q (query, message);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
