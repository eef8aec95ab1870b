BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(2);

SELECT lightning.create_paywall('ann', '{"paywallId": "pw", "name": "News", "policy": {"fixedAmountMsats": 1000}}');
SELECT is((SELECT khala_internal.lightning_publish_paywall('pw') ->> 'name'), 'News', 'the document is returned');
SELECT is((SELECT d.org_id FROM runtime.sync_documents AS d WHERE d.topic = 'lightning.paywalls' AND d.doc_key = 'pw'), 'ann', 'and owned by the owner');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
