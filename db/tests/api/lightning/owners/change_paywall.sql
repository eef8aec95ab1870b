BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(7);

SELECT lightning.create_paywall('ann', '{"paywallId": "pw", "name": "News", "policy": {"fixedAmountMsats": 1000}}');
SELECT is((SELECT lightning.change_paywall('ann', 'pw', '{"name": "New", "metadata": false}', 'k') #>> '{paywall,name}'), 'New', 'changed');
SELECT is((SELECT lightning.change_paywall('ann', 'pw', '{"policy": {"fixedAmountMsats": 7}, "routes": [{"hostPattern": "a.com", "pathPattern": "/", "upstreamUrl": "https://u", "protocol": "https"}]}') #>> '{paywall,metadata}'), 'false', 'what is left out stays');
SELECT is((SELECT lightning.change_paywall('ann', 'pw', '{"name": "New", "metadata": false}', 'k') #>> '{paywall,policy,fixedAmountMsats}'), '1000', 'a repeat with the key has the first response');
SELECT is((SELECT s.head_watermark FROM runtime.sync_topic_sequences AS s WHERE s.topic = 'lightning.paywalls'), 3::bigint, 'and writes nothing');
SELECT throws_ok($$SELECT lightning.change_paywall('bob', 'pw', '{}')$$, 'KH023', NULL, 'another owner has none');
SELECT throws_ok(q.query, 'KH020', q.message, q.query)
FROM (
    VALUES
    ($$SELECT lightning.change_paywall('ann', 'pw', '{"name": 5}')$$, 'invalid_name')
) AS q (query, message);
SELECT lightning.set_paywall_status('ann', 'pw', 'archived');
SELECT throws_ok($$SELECT lightning.change_paywall('ann', 'pw', '{}')$$, 'KH021', NULL, 'an archived one never changes');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
