-- Tables of schema lightning refuse a wrong state by themselves, whoever writes it: no function is asked here.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(24);

SELECT lightning.create_paywall('ann', '{"paywallId": "pw", "name": "News", "policy": {"fixedAmountMsats": 1000}}');
SELECT lightning.create_paywall('bob', '{"paywallId": "other", "name": "Weather", "policy": {"fixedAmountMsats": 1000}}');
SELECT lightning.ingest_invoice_lifecycle(
    '{"invoiceId": "i", "paywallId": "pw", "ownerId": "ann", "amountMsats": 1000, "status": "open"}'
);
SELECT lightning.ingest_settlement(
    '{"settlementId": "s", "paywallId": "pw", "ownerId": "ann", "invoiceId": "i", "amountMsats": 1000, "paymentProofType": "lightning_preimage"}'::jsonb
    || jsonb_build_object('paymentProofValue', repeat('0', 64))
);
SELECT lightning.rotate_credential_role('{"role": "operator_admin", "fingerprint": "f"}');

SELECT throws_ok(q.query, q.code, NULL, q.description)
FROM (
    VALUES
    ('23514', 'a status of a paywall that does not exist', $$UPDATE lightning.paywalls SET status = 'sold'$$),
    ('23514', 'another way to price', $$UPDATE lightning.policies SET pricing_mode = 'free'$$),
    ('23514', 'a negative price', $$UPDATE lightning.policies SET fixed_amount_msats = -1$$),
    ('23514', 'a price that a JSON number does not hold', $$UPDATE lightning.policies SET fixed_amount_msats = 9007199254740992$$),
    ('23503', 'a policy of another owner', $$UPDATE lightning.policies SET owner_id = 'bob' WHERE paywall_id = 'pw'$$),
    ('23514', 'a status of an invoice that does not exist', $$UPDATE lightning.invoices SET status = 'paid'$$),
    ('23514', 'settled without a time', $$UPDATE lightning.invoices SET settled_at_ms = NULL$$),
    ('23514', 'not settled, with a time', $$UPDATE lightning.invoices SET status = 'open'$$),
    ('23514', 'an invoice of nothing', $$UPDATE lightning.invoices SET amount_msats = 0$$),
    ('23514', 'a payment hash that is none', $$UPDATE lightning.invoices SET payment_hash = 'AB'$$),
    ('23503', 'a settled invoice goes to another paywall', $$UPDATE lightning.invoices SET paywall_id = 'other', owner_id = 'bob'$$),
    ('23505', 'a payment hash of two invoices', $$INSERT INTO lightning.invoices SELECT 'j', i.paywall_id, i.owner_id, i.amount_msats, i.status, i.payment_hash, NULL, NULL, NULL, 1, 1, 1 FROM lightning.invoices AS i$$),
    ('23505', 'two settlements of one invoice', $$INSERT INTO lightning.settlements SELECT 't', s.paywall_id, s.owner_id, s.invoice_id, s.amount_msats, repeat('a', 64), s.payment_proof_ref, NULL, NULL, NULL, NULL, 1 FROM lightning.settlements AS s$$),
    ('23505', 'two settlements of one payment', $$INSERT INTO lightning.settlements SELECT 't', s.paywall_id, s.owner_id, NULL, s.amount_msats, s.payment_hash, s.payment_proof_ref, NULL, NULL, NULL, NULL, 1 FROM lightning.settlements AS s$$),
    ('23503', 'a settlement of an invoice that does not exist', $$UPDATE lightning.settlements SET invoice_id = 'none'$$),
    ('23514', 'a reference to another kind of proof', $$UPDATE lightning.settlements SET payment_proof_ref = 'word of honour'$$),
    ('23502', 'a settlement without a payment hash', $$UPDATE lightning.settlements SET payment_hash = NULL$$),
    ('23514', 'an unknown status of a deployment', $$INSERT INTO lightning.deployments (deployment_id, config_hash, status, created_at_ms, updated_at_ms) VALUES ('d', 'c', 'done', 1, 1)$$),
    ('23514', 'applied without a time', $$INSERT INTO lightning.deployments (deployment_id, config_hash, status, created_at_ms, updated_at_ms) VALUES ('d', 'c', 'applied', 1, 1)$$),
    ('23514', 'a pause without a reason', $$UPDATE lightning.security_global SET global_pause = TRUE$$),
    ('23514', 'a reason without a pause', $$UPDATE lightning.security_global SET deny_reason = 'x'$$),
    ('23514', 'a switch without a reason', $$INSERT INTO lightning.owner_security_controls (owner_id, kill_switch, updated_at_ms) VALUES ('ann', TRUE, 1)$$),
    ('23514', 'a revoked role with a fingerprint', $$UPDATE lightning.credential_roles SET status = 'revoked', revoked_at_ms = 1$$),
    ('23514', 'a role that does not exist', $$UPDATE lightning.credential_roles SET role = 'root'$$)
) AS q (code, description, query);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
