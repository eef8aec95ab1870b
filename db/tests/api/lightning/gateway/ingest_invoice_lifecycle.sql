BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(21);

SELECT lightning.create_paywall('ann', '{"paywallId": "pw", "name": "News", "policy": {"fixedAmountMsats": 1000}}');
SELECT is((SELECT s ->> 'changed' || (s #>> '{invoice,status}') FROM (SELECT lightning.ingest_invoice_lifecycle('{"invoiceId": "i", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000}'::jsonb || '{"status": "open", "requestId": "first"}') AS s) AS x), 'trueopen', 'recorded');
SELECT is((SELECT x.s ->> 'changed' FROM (SELECT lightning.ingest_invoice_lifecycle('{"invoiceId": "i", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000}'::jsonb || '{"status": "open", "paymentHash": "ec4916dd28fc4c10d78e287ca5d9cc51ee1ae73cbfde08c6b37324cbfaac8bc5"}') AS s) AS x), 'false', 'the same rank changes nothing');
SELECT is((SELECT x.s #>> '{invoice,requestId}' FROM (SELECT lightning.ingest_invoice_lifecycle('{"invoiceId": "i", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000}'::jsonb || '{"status": "expired", "requestId": "second", "paymentHash": "EC4916DD28FC4C10D78E287CA5D9CC51EE1AE73CBFDE08C6B37324CBFAAC8BC5"}') AS s) AS x), 'first', 'a higher one replaces; first values stay');
SELECT is((SELECT i.status || ' ' || i.payment_hash FROM lightning.invoices AS i), 'expired ec4916dd28fc4c10d78e287ca5d9cc51ee1ae73cbfde08c6b37324cbfaac8bc5', 'hashes are lower case');
SELECT is((SELECT x.s ->> 'changed' FROM (SELECT lightning.ingest_invoice_lifecycle('{"invoiceId": "i", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000}'::jsonb || '{"status": "canceled"}') AS s) AS x), 'false', 'canceled and expired have the same rank');
SELECT is((SELECT x.s #>> '{invoice,settledAtMs}' FROM (SELECT lightning.ingest_invoice_lifecycle('{"invoiceId": "i", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000}'::jsonb || '{"status": "settled", "settledAtMs": 5}') AS s) AS x), '5', 'settled at the given time');
SELECT is((SELECT x.s #>> '{invoice,status}' FROM (SELECT lightning.ingest_invoice_lifecycle('{"invoiceId": "i", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000}'::jsonb || '{"status": "open"}') AS s) AS x), 'settled', 'a late one answers what is stored');
SELECT is((SELECT x.s #>> '{invoice,settledAtMs}' FROM (SELECT lightning.ingest_invoice_lifecycle('{"invoiceId": "i", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000}'::jsonb || '{"status": "settled", "settledAtMs": 9}') AS s) AS x), '5', 'the first time of payment stays');
SELECT is((SELECT d.doc_version || d.org_id FROM runtime.sync_documents AS d WHERE d.topic = 'lightning.settlements' AND d.doc_key = 'invoice/i'), '3ann', 'each change is a version of its document');
SELECT ok((s #>> '{invoice,settledAtMs}') IS NOT NULL, 'settled now where no time is given') FROM lightning.ingest_invoice_lifecycle('{"invoiceId": "i", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000, "status": "settled"}'::jsonb || '{"invoiceId": "j"}') AS s;
SELECT ok(NOT s -> 'invoice' ? 'settledAtMs', 'only a settled invoice has that time') FROM lightning.ingest_invoice_lifecycle('{"invoiceId": "i", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000, "status": "open", "settledAtMs": 4}'::jsonb || '{"invoiceId": "k"}') AS s;
SELECT throws_ok($$SELECT lightning.ingest_invoice_lifecycle('{"invoiceId": "i", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000}'::jsonb || '{"status": "settled", "amountMsats": 5}')$$, 'KH021', NULL, 'another amount contradicts');
SELECT throws_ok($$SELECT lightning.ingest_invoice_lifecycle('{"invoiceId": "i", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000}'::jsonb || '{"status": "open", "invoiceId": "l", "paymentHash": "ec4916dd28fc4c10d78e287ca5d9cc51ee1ae73cbfde08c6b37324cbfaac8bc5"}')$$, 'KH021', NULL, 'a payment hash belongs to one invoice');
SELECT throws_ok(q.query, 'KH020', q.message, q.query)
FROM (
    VALUES
    ($$SELECT lightning.ingest_invoice_lifecycle('{"invoiceId": "i", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000}'::jsonb || '{"status": "paid"}')$$, 'invalid_status'),
    ($$SELECT lightning.ingest_invoice_lifecycle('{"invoiceId": "i", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000}'::jsonb || '{}')$$, 'missing_status'),
    ($$SELECT lightning.ingest_invoice_lifecycle('{"invoiceId": "i", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000}'::jsonb || '{"status": "open", "amountMsats": 0}')$$, 'invalid_amountMsats'),
    ($$SELECT lightning.ingest_invoice_lifecycle('{"invoiceId": "i", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000}'::jsonb || '{"status": "open", "paymentHash": "xyz"}')$$, 'invalid_paymentHash'),
    ($$SELECT lightning.ingest_invoice_lifecycle('{"invoiceId": "i", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000}'::jsonb || '{"status": "open", "paywallId": "no"}')$$, 'invalid_paywallId'),
    ($$SELECT lightning.ingest_invoice_lifecycle('{"invoiceId": "i", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000}'::jsonb || '{"status": "open", "ownerId": "bob"}')$$, 'invalid_ownerId'),
    ($$SELECT lightning.ingest_invoice_lifecycle('{"invoiceId": "i", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000}'::jsonb || '{"status": "open", "settledAtMs": "now"}')$$, 'invalid_settledAtMs')
) AS q (query, message);
SELECT throws_ok($$UPDATE lightning.invoices SET settled_at_ms = NULL WHERE invoice_id = 'i'$$, '23514', NULL, 'settled has a time');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
