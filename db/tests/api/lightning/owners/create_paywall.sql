BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(12);

SELECT matches(lightning.create_paywall('ann', '{"name": "N", "policy": {"fixedAmountMsats": 1}, "routes": [{"hostPattern": "a.com", "pathPattern": "/", "upstreamUrl": "https://u", "protocol": "https"}]}', 'key') #>> '{paywall,paywallId}', '^pw_', 'an identifier is made');
SELECT lives_ok($$SELECT lightning.create_paywall('ann', '{"name": "N", "policy": {"fixedAmountMsats": 1}, "routes": [{"hostPattern": "a.com", "pathPattern": "/", "upstreamUrl": "https://u", "protocol": "https"}]}', 'key')$$, 'a repeat with the key');
SELECT is((SELECT count(*) FROM lightning.paywalls), 1::bigint, 'has one effect');
SELECT is((SELECT s.head_watermark FROM runtime.sync_topic_sequences AS s WHERE s.topic = 'lightning.paywalls'), 1::bigint, 'and one document');
SELECT throws_ok($$SELECT lightning.create_paywall('ann', '{}', 'key')$$, 'KH021', NULL, 'the key belongs to one request');
SELECT lightning.create_paywall('ann', '{"name": "N", "policy": {"fixedAmountMsats": 1}, "routes": [{"hostPattern": "a.com", "pathPattern": "/", "upstreamUrl": "https://u", "protocol": "https"}]}'::jsonb || '{"paywallId": "pw"}');
SELECT throws_ok($$SELECT lightning.create_paywall('bob', '{"name": "N", "policy": {"fixedAmountMsats": 1}, "routes": [{"hostPattern": "a.com", "pathPattern": "/", "upstreamUrl": "https://u", "protocol": "https"}]}'::jsonb || '{"paywallId": "pw"}')$$, 'KH021', NULL, 'an identifier is used once');
SELECT throws_ok(q.query, 'KH020', q.message, q.query)
FROM (
    VALUES
    ($$SELECT lightning.create_paywall('ann', '{"policy": {"fixedAmountMsats": 1}}')$$, 'missing_name'),
    ($$SELECT lightning.create_paywall(repeat('x', 201), '{"name": "x"}')$$, 'invalid_ownerId'),
    ($$SELECT lightning.create_paywall('ann', '{"paywallId": "a/b", "name": "x"}')$$, 'invalid_paywallId'),
    ($$SELECT lightning.create_paywall('ann', '{"name": "x"}')$$, 'missing_fixedAmountMsats'),
    ($$SELECT lightning.create_paywall('ann', '{"name": "x", "policy": {"fixedAmountMsats": 1}, "routes": 5}')$$, 'invalid_routes')
) AS q (query, message);
SELECT is((SELECT count(*) FROM lightning.paywalls), 2::bigint, 'what is refused leaves nothing');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
