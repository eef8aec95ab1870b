BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(21);

SELECT lightning.create_paywall('ann', '{"paywallId": "pw", "name": "News", "policy": {"fixedAmountMsats": 1000}}');
SELECT is((SELECT lightning.record_gateway_compile_intent('{"deploymentId": "d", "configHash": "c", "status": "pending", "paywallId": "pw", "metadata": 5}') #>> '{deployment,status}'), 'pending', 'recorded');
SELECT is((SELECT d.org_id FROM runtime.sync_documents AS d WHERE d.topic = 'lightning.deployments' AND d.doc_key = 'deployment/d'), 'ann', 'its document belongs to the owner of the paywall');
SELECT is((SELECT lightning.record_gateway_compile_intent('{"deploymentId": "d", "configHash": "c2", "status": "applied", "appliedAtMs": 7}') #>> '{deployment,appliedAtMs}'), '7', 'applied at the given time');
SELECT is((SELECT concat_ws(' ', d.config_hash, d.paywall_id, d.metadata) FROM lightning.deployments AS d), 'c2 pw 5', 'what is given replaces, what is not stays');
SELECT is((SELECT lightning.record_gateway_compile_intent('{"deploymentId": "d", "configHash": "c3", "status": "pending"}') #>> '{deployment,configHash}'), 'c2', 'applied does not become pending');
SELECT is((SELECT d.doc_version FROM runtime.sync_documents AS d WHERE d.topic = 'lightning.deployments' AND d.doc_key = 'deployment/d'), 2::bigint, 'and nothing is written');
SELECT is((SELECT lightning.record_gateway_compile_intent('{"deploymentId": "d", "configHash": "c2", "status": "applied", "appliedAtMs": 9}') #>> '{deployment,appliedAtMs}'), '7', 'the first time of application stays');
SELECT is((SELECT lightning.record_gateway_compile_intent('{"deploymentId": "d", "configHash": "c2", "status": "rolled_back", "rolledBackFrom": "x"}') #>> '{deployment,status}'), 'rolled_back', 'rolled back');
SELECT is((SELECT lightning.record_gateway_compile_intent('{"deploymentId": "d", "configHash": "c2", "status": "pending"}') #>> '{deployment,status}'), 'rolled_back', 'nor does that become pending');
SELECT matches(lightning.record_gateway_compile_intent('{"configHash": "c", "status": "failed", "diagnostics": [1]}') #>> '{deployment,deploymentId}', '^dep_', 'an identifier is made');
SELECT is((SELECT count(*) FROM runtime.sync_documents AS d WHERE d.topic = 'lightning.deployments' AND d.org_id = 'operators'), 1::bigint, 'without an owner it belongs to the operators');
SELECT ok(lightning.record_gateway_compile_intent('{"deploymentId": "now", "configHash": "c", "status": "applied"}') #>> '{deployment,appliedAtMs}' IS NOT NULL, 'applied now where no time is given');
SELECT throws_ok(q.query, 'KH020', q.message, q.query)
FROM (
    VALUES
    ($$SELECT lightning.record_gateway_compile_intent('{"status": "pending"}')$$, 'missing_configHash'),
    ($$SELECT lightning.record_gateway_compile_intent('{"configHash": "c"}')$$, 'missing_status'),
    ($$SELECT lightning.record_gateway_compile_intent('{"configHash": "c", "status": "done"}')$$, 'invalid_status'),
    ($$SELECT lightning.record_gateway_compile_intent('{"configHash": "c", "status": "pending", "paywallId": "no"}')$$, 'invalid_paywallId'),
    ($$SELECT lightning.record_gateway_compile_intent('{"configHash": "c", "status": "pending", "paywallId": "pw", "ownerId": "bob"}')$$, 'invalid_ownerId'),
    ($$SELECT lightning.record_gateway_compile_intent('{"configHash": "c", "status": "pending", "appliedAtMs": -1}')$$, 'invalid_appliedAtMs'),
    ($$SELECT lightning.record_gateway_compile_intent('{"configHash": "c", "status": "pending", "diagnostics": 9007199254740993}')$$, 'invalid_diagnostics')
) AS q (query, message);
SELECT throws_ok($$INSERT INTO lightning.deployments VALUES ('x', NULL, NULL, 'c', NULL, 'applied', NULL, NULL, NULL, NULL, NULL, 1, 1)$$, '23514', NULL, 'applied has a time');

SELECT lightning.create_paywall('dan', '{"paywallId": "of_dan", "name": "N", "policy": {"fixedAmountMsats": 1}}');
SELECT lightning.record_gateway_compile_intent('{"deploymentId": "of_dan", "paywallId": "of_dan", "configHash": "c", "status": "pending"}');
SELECT throws_ok($$SELECT lightning.record_gateway_compile_intent('{"deploymentId": "of_dan", "ownerId": "eve", "configHash": "c", "status": "failed"}')$$, 'KH021', NULL, 'the owner is that of the paywall');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
