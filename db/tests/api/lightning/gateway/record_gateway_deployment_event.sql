BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(12);

SELECT lightning.create_paywall('ann', '{"paywallId": "pw", "name": "News", "policy": {"fixedAmountMsats": 1000}}');
SELECT lightning.record_gateway_compile_intent('{"deploymentId": "d", "configHash": "c", "status": "pending"}');
SELECT is((SELECT lightning.record_gateway_deployment_event('{"paywallId": "pw", "ownerId": "ann", "eventType": "deploy", "level": "info", "executionPath": "api", "metadata": "scalar", "deploymentId": "d"}') #> '{event,metadata}'), '"scalar"'::jsonb, 'a scalar is kept');
SELECT lives_ok($$SELECT lightning.record_gateway_deployment_event('{"paywallId": "pw", "ownerId": "ann", "eventType": "deploy", "level": "info", "executionPath": "api"}')$$, 'the same again');
SELECT is((SELECT count(*) FROM lightning.gateway_events), 2::bigint, 'is another event');
SELECT is((SELECT count(*) FROM runtime.sync_documents AS d WHERE d.topic = 'lightning.deployments' AND d.doc_key LIKE 'event/evt_%' AND d.org_id = 'ann'), 2::bigint, 'each has a document');
SELECT throws_ok(q.query, 'KH020', q.message, q.query)
FROM (
    VALUES
    ($$SELECT lightning.record_gateway_deployment_event('{"paywallId": "pw", "ownerId": "ann", "eventType": "deploy", "level": "info", "executionPath": "api"}'::jsonb - 'paywallId')$$, 'missing_paywallId'),
    ($$SELECT lightning.record_gateway_deployment_event('{"paywallId": "pw", "ownerId": "ann", "eventType": "deploy", "level": "info", "executionPath": "api"}'::jsonb - 'ownerId')$$, 'missing_ownerId'),
    ($$SELECT lightning.record_gateway_deployment_event('{"paywallId": "pw", "ownerId": "ann", "eventType": "deploy", "level": "info", "executionPath": "api"}'::jsonb - 'eventType')$$, 'missing_eventType'),
    ($$SELECT lightning.record_gateway_deployment_event('{"paywallId": "pw", "ownerId": "ann", "eventType": "deploy", "level": "info", "executionPath": "api"}'::jsonb - 'level')$$, 'missing_level'),
    ($$SELECT lightning.record_gateway_deployment_event('{"paywallId": "pw", "ownerId": "ann", "eventType": "deploy", "level": "info", "executionPath": "api"}'::jsonb - 'executionPath')$$, 'missing_executionPath'),
    ($$SELECT lightning.record_gateway_deployment_event('{"paywallId": "pw", "ownerId": "ann", "eventType": "deploy", "level": "info", "executionPath": "api"}'::jsonb || '{"level": "fatal"}')$$, 'invalid_level'),
    ($$SELECT lightning.record_gateway_deployment_event('{"paywallId": "pw", "ownerId": "ann", "eventType": "deploy", "level": "info", "executionPath": "api"}'::jsonb || '{"ownerId": "bob"}')$$, 'invalid_ownerId'),
    ($$SELECT lightning.record_gateway_deployment_event('{"paywallId": "pw", "ownerId": "ann", "eventType": "deploy", "level": "info", "executionPath": "api"}'::jsonb || '{"deploymentId": "no"}')$$, 'invalid_deploymentId')
) AS q (query, message);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
