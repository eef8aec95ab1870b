BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(21);

SELECT lightning.create_paywall('ann', '{"paywallId": "pw", "name": "News", "policy": {"fixedAmountMsats": 1000}}');
SELECT lightning.ingest_invoice_lifecycle('{"invoiceId": "i", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000}'::jsonb || '{"status": "expired", "paymentHash": "ec4916dd28fc4c10d78e287ca5d9cc51ee1ae73cbfde08c6b37324cbfaac8bc5"}');
SELECT results_eq(
    $$SELECT x.s -> 'existed', x.s #>> '{settlement,paymentProofRef}', x.s #>> '{invoice,status}', x.s #> '{settlement,metadata}' FROM (SELECT lightning.ingest_settlement('{"settlementId": "s", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000, "paymentProofType": "lightning_preimage", "paymentProofValue": " 0000000000000000000000000000000000000000000000000000000000000001 "}'::jsonb || '{"invoiceId": "i", "metadata": 0}') AS s) AS x$$,
    $$VALUES ('false'::jsonb, 'lightning_preimage:000000000000000000000000', 'settled', '0'::jsonb)$$, 'recorded, and its invoice settled with it'
);
SELECT is((SELECT count(*) FROM lightning.settlements AS s WHERE to_jsonb(s)::text LIKE '%0000000000000000000000000000000000000000000000000000000000000001%'), 0::bigint, 'the preimage is not stored');
SELECT is((SELECT count(*) FROM runtime.sync_stream_events AS e WHERE e.payload LIKE '%0000000000000000000000000000000000000000000000000000000000000001%'), 0::bigint, 'nor sent');
SELECT is((SELECT s.head_watermark FROM runtime.sync_topic_sequences AS s WHERE s.topic = 'lightning.settlements'), 3::bigint, 'three documents are written');
SELECT is((SELECT x.s ->> 'existed' FROM (SELECT lightning.ingest_settlement('{"settlementId": "s", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000, "paymentProofType": "lightning_preimage", "paymentProofValue": " 0000000000000000000000000000000000000000000000000000000000000001 "}'::jsonb || '{"invoiceId": "i", "metadata": 0}') AS s) AS x), 'true', 'a repeat exists');
SELECT is((SELECT s.head_watermark FROM runtime.sync_topic_sequences AS s WHERE s.topic = 'lightning.settlements'), 3::bigint, 'and writes nothing');
UPDATE lightning.invoices SET status = 'canceled', settled_at_ms = NULL;
SELECT is((SELECT x.s #>> '{invoice,status}' FROM (SELECT lightning.ingest_settlement('{"settlementId": "s", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000, "paymentProofType": "lightning_preimage", "paymentProofValue": " 0000000000000000000000000000000000000000000000000000000000000001 "}'::jsonb || '{"invoiceId": "i", "metadata": 0}') AS s) AS x), 'settled', 'a repeat settles an invoice that is not settled');
SELECT throws_ok($$SELECT lightning.ingest_settlement('{"settlementId": "s", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000, "paymentProofType": "lightning_preimage", "paymentProofValue": " 0000000000000000000000000000000000000000000000000000000000000001 "}'::jsonb || '{"invoiceId": "i", "metadata": 1}')$$, 'KH021', NULL, 'other content contradicts');
SELECT throws_ok($$SELECT lightning.ingest_settlement('{"settlementId": "s", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000, "paymentProofType": "lightning_preimage", "paymentProofValue": " 0000000000000000000000000000000000000000000000000000000000000001 "}'::jsonb || '{"invoiceId": "i", "metadata": 0, "amountMsats": 2000}')$$, 'KH021', NULL, 'another amount as well');
SELECT throws_ok($$SELECT lightning.ingest_settlement('{"settlementId": "s", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000, "paymentProofType": "lightning_preimage", "paymentProofValue": " 0000000000000000000000000000000000000000000000000000000000000001 "}'::jsonb || '{"settlementId": "t"}')$$, 'KH021', NULL, 'a payment is settled once');
SELECT throws_ok(q.query, 'KH020', q.message, q.query)
FROM (
    VALUES
    ($$SELECT lightning.ingest_settlement('{"settlementId": "s", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000, "paymentProofType": "lightning_preimage", "paymentProofValue": " 0000000000000000000000000000000000000000000000000000000000000001 "}'::jsonb || '{"settlementId": " "}')$$, 'missing_settlementId'),
    ($$SELECT lightning.ingest_settlement('{"settlementId": "s", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000, "paymentProofType": "lightning_preimage", "paymentProofValue": " 0000000000000000000000000000000000000000000000000000000000000001 "}'::jsonb || '{"paymentProofType": "other"}')$$, 'invalid_paymentProofType'),
    ($$SELECT lightning.ingest_settlement('{"settlementId": "s", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000, "paymentProofType": "lightning_preimage", "paymentProofValue": " 0000000000000000000000000000000000000000000000000000000000000001 "}'::jsonb || '{"paymentProofValue": "abc"}')$$, 'invalid_paymentProofValue'),
    ($$SELECT lightning.ingest_settlement('{"settlementId": "s", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000, "paymentProofType": "lightning_preimage", "paymentProofValue": " 0000000000000000000000000000000000000000000000000000000000000001 "}'::jsonb || '{"paymentProofValue": null}')$$, 'missing_paymentProofValue'),
    ($$SELECT lightning.ingest_settlement('{"settlementId": "s", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000, "paymentProofType": "lightning_preimage", "paymentProofValue": " 0000000000000000000000000000000000000000000000000000000000000001 "}'::jsonb || '{"paymentHash": "0000000000000000000000000000000000000000000000000000000000000001"}')$$, 'invalid_paymentProofValue'),
    ($$SELECT lightning.ingest_settlement('{"settlementId": "s", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000, "paymentProofType": "lightning_preimage", "paymentProofValue": " 0000000000000000000000000000000000000000000000000000000000000001 "}'::jsonb || '{"settlementId": "t", "invoiceId": "i", "paymentProofValue": "1111111111111111111111111111111111111111111111111111111111111111"}')$$, 'invalid_paymentProofValue'),
    ($$SELECT lightning.ingest_settlement('{"settlementId": "s", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000, "paymentProofType": "lightning_preimage", "paymentProofValue": " 0000000000000000000000000000000000000000000000000000000000000001 "}'::jsonb || '{"settlementId": "t", "invoiceId": "i", "amountMsats": 999}')$$, 'invalid_amountMsats'),
    ($$SELECT lightning.ingest_settlement('{"settlementId": "s", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000, "paymentProofType": "lightning_preimage", "paymentProofValue": " 0000000000000000000000000000000000000000000000000000000000000001 "}'::jsonb || '{"settlementId": "t", "invoiceId": "no"}')$$, 'invalid_invoiceId'),
    ($$SELECT lightning.ingest_settlement('{"settlementId": "s", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000, "paymentProofType": "lightning_preimage", "paymentProofValue": " 0000000000000000000000000000000000000000000000000000000000000001 "}'::jsonb || '{"paywallId": "no"}')$$, 'invalid_paywallId')
) AS q (query, message);
SELECT lives_ok($$SELECT lightning.ingest_settlement('{"settlementId": "s", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000, "paymentProofType": "lightning_preimage", "paymentProofValue": " 0000000000000000000000000000000000000000000000000000000000000001 "}'::jsonb || '{"settlementId": "alone", "paymentProofValue": "2222222222222222222222222222222222222222222222222222222222222222"}')$$, 'a payment without an invoice');
SELECT is((SELECT s.head_watermark FROM runtime.sync_topic_sequences AS s WHERE s.topic = 'lightning.settlements'), 5::bigint, 'what is refused writes nothing');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
