BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(7);

SELECT results_eq(
    $$SELECT g ->> 'denyReasonCode', g ->> 'denyReason', g ->> 'updatedBy' FROM (SELECT lightning.set_global_pause('{"active": true, "reason": "stop", "updatedBy": "op"}') #> '{global}' AS g) AS x$$,
    $$VALUES ('global_pause_active', 'stop', 'op')$$, 'active sets code and reason'
);
SELECT is((SELECT lightning.set_global_pause('{"active": true}') #> '{global,denyReason}'), '"The gateway is paused."'::jsonb, 'a default reason');
SELECT is((SELECT jsonb_extract_path(lightning.set_global_pause('{"active": false, "reason": "x"}'), 'global') - 'updatedAtMs'), '{"stateId": "global", "globalPause": false}'::jsonb, 'inactive clears both');
SELECT is((SELECT d.doc_version || d.org_id FROM runtime.sync_documents AS d WHERE d.topic = 'lightning.security' AND d.doc_key = 'global'), '3operators', 'each change is a version of its document');
SELECT throws_ok(q.query, 'KH020', q.message, q.query)
FROM (
    VALUES
    ($$SELECT lightning.set_global_pause('{}')$$, 'missing_active'),
    ($$SELECT lightning.set_global_pause('{"active": "yes"}')$$, 'invalid_active')
) AS q (query, message);
SELECT throws_ok($$UPDATE lightning.security_global SET global_pause = TRUE$$, '23514', NULL, 'a pause has a reason');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
