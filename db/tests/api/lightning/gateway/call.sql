BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(17);

SELECT throws_ok(q.query, 'KH020', q.message, q.query)
FROM (
    VALUES
    ($$SELECT lightning.call('lightning/ops:recordGatewayCompileIntent', '{}', TRUE)$$, 'missing_configHash'),
    ($$SELECT lightning.call('lightning/ops:recordGatewayDeploymentEvent', '{}', TRUE)$$, 'missing_paywallId'),
    ($$SELECT lightning.call('lightning/settlements:ingestInvoiceLifecycle', '{}', TRUE)$$, 'missing_invoiceId'),
    ($$SELECT lightning.call('lightning/settlements:ingestSettlement', '{}', TRUE)$$, 'missing_settlementId'),
    ($$SELECT lightning.call('lightning/security:setGlobalPause', '{}', TRUE)$$, 'missing_active'),
    ($$SELECT lightning.call('lightning/security:setOwnerKillSwitch', '{}', TRUE)$$, 'missing_ownerId'),
    ($$SELECT lightning.call('lightning/security:rotateCredentialRole', '{}', TRUE)$$, 'missing_role'),
    ($$SELECT lightning.call('lightning/security:activateCredentialRole', '{}', TRUE)$$, 'missing_role'),
    ($$SELECT lightning.call('lightning/security:revokeCredentialRole', '{}', TRUE)$$, 'missing_role'),
    ($$SELECT lightning.call('lightning/security:setGlobalPause', '[]', TRUE)$$, 'invalid_args'),
    ($$SELECT lightning.call('lightning/security:setGlobalPause', NULL, TRUE)$$, 'invalid_args')
) AS q (query, message);
SELECT is((SELECT (lightning.call('lightning/ops:listPaywallControlPlaneState', '{}', FALSE) -> 'ok')::jsonb), 'true'::jsonb, 'ops:listPaywallControlPlaneState');
SELECT is((SELECT (lightning.call('lightning/security:getControlPlaneSecurityState', '{}', FALSE) -> 'ok')::jsonb), 'true'::jsonb, 'security:getControlPlaneSecurityState');
SELECT throws_ok($$SELECT lightning.call('lightning/security:setGlobalPause', '{}', FALSE)$$, 'KH022', NULL, 'a mutation is no query');
SELECT throws_ok($$SELECT lightning.call('lightning/ops:listPaywallControlPlaneState', '{}', TRUE)$$, 'KH022', NULL, 'a query is no mutation');
SELECT throws_ok($$SELECT lightning.call('other', '{}', TRUE)$$, 'KH022', NULL, 'an unknown name');
SELECT throws_ok($$SELECT lightning.call(NULL, '{}', FALSE)$$, 'KH022', NULL, 'no name');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
