BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(7);

SELECT results_eq(
    $$SELECT g ->> 'denyReasonCode', g ->> 'denyReason' FROM (SELECT lightning.set_owner_kill_switch('{"ownerId": "ann", "active": true}') #> '{ownerControl}' AS g) AS x$$,
    $$VALUES ('owner_kill_switch_active', 'The owner''s paywalls are switched off.')$$, 'active sets code and a default reason'
);
SELECT is((SELECT jsonb_extract_path(lightning.set_owner_kill_switch('{"ownerId": "ann", "active": false}'), 'ownerControl') - 'updatedAtMs'), '{"ownerId": "ann", "killSwitch": false}'::jsonb, 'inactive clears both; the row stays');
SELECT is((SELECT d.doc_version || d.org_id FROM runtime.sync_documents AS d WHERE d.topic = 'lightning.security' AND d.doc_key = 'owner/ann'), '2ann', 'the document is the owner''s');
SELECT is((SELECT d.doc_version || d.org_id FROM runtime.sync_documents AS d WHERE d.topic = 'lightning.security' AND d.doc_key = 'operators/owner/ann'), '2operators', 'the operators have one of their own');
SELECT lightning.set_owner_kill_switch('{"ownerId": "operators", "active": true}');
SELECT is((SELECT count(*) FROM runtime.sync_documents AS d WHERE d.topic = 'lightning.security' AND d.doc_key LIKE '%owner/operators'), 1::bigint, 'unless they are the owner');
SELECT throws_ok(q.query, 'KH020', q.message, q.query)
FROM (
    VALUES
    ($$SELECT lightning.set_owner_kill_switch('{"active": true}')$$, 'missing_ownerId'),
    ($$SELECT lightning.set_owner_kill_switch('{"ownerId": "ann"}')$$, 'missing_active')
) AS q (query, message);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
