BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(18);

SELECT lightning.set_operators('ops');
SELECT is(
    jsonb_extract_path(
        lightning.operate('ops', 'ann', 'lightning/security:setGlobalPause', '{"active": true, "reason": "moving", "updatedBy": "eve"}', 'key'),
        'global'
    ) - 'updatedAtMs',
    '{"stateId": "global", "globalPause": true, "denyReasonCode": "global_pause_active", "denyReason": "moving", "updatedBy": "ann"}'::jsonb,
    'a pause is by the subject, whatever the arguments say'
);
SELECT lives_ok($$SELECT lightning.operate('ops', 'ann', 'lightning/security:setGlobalPause', '{"active": true, "reason": "moving", "updatedBy": "eve"}', 'key')$$, 'a repeat with the key');
SELECT is((SELECT d.doc_version || d.org_id FROM runtime.sync_documents AS d WHERE d.topic = 'lightning.security' AND d.doc_key = 'global'), '2ops', 'has one effect');
SELECT throws_ok($$SELECT lightning.operate('ops', 'ann', 'lightning/security:setGlobalPause', '{"active": false}', 'key')$$, 'KH021', NULL, 'the key belongs to one request');
SELECT is((SELECT lightning.operate('ops', 'ann', 'lightning/security:setGlobalPause', '{"active": false}') #> '{global,globalPause}'), 'false'::jsonb, 'an end needs no reason');
SELECT is(
    (SELECT jsonb_extract_path(lightning.operate('ops', repeat('a', 400), 'lightning/security:setOwnerKillSwitch', '{"ownerId": "bob", "active": true, "reason": "abuse"}'), 'ownerControl', 'updatedBy') #>> '{}'),
    repeat('a', 200), 'a long subject is cut'
);
SELECT is(
    (SELECT jsonb_object_agg(d.doc_key, d.org_id) FROM runtime.sync_documents AS d WHERE d.topic = 'lightning.security' AND d.payload ->> 'killSwitch' = 'true'),
    '{"operators/owner/bob": "ops", "owner/bob": "bob"}'::jsonb, 'owner and operators each see the kill switch'
);
SELECT throws_ok(q.query, q.sqlstate, q.message, q.query)
FROM (
    VALUES
    ($$SELECT lightning.operate('bob', 'bob', 'lightning/security:setOwnerKillSwitch', '{"ownerId": "bob", "active": false}')$$, 'KH024', 'organisation ''bob'' does not operate the control plane'),
    ($$SELECT lightning.operate(NULL, 'bob', 'lightning/security:setGlobalPause', '{"active": false}')$$, 'KH024', NULL),
    ($$SELECT lightning.operate('operators', 'bob', 'lightning/security:setGlobalPause', '{"active": false}', 'key')$$, 'KH024', NULL),
    ($$SELECT lightning.operate('ops', 'ann', 'lightning/security:revokeCredentialRole', '{"active": false}')$$, 'KH022', NULL),
    ($$SELECT lightning.operate('ops', 'ann', NULL, '{"active": false}')$$, 'KH022', NULL),
    ($$SELECT lightning.operate('ops', 'ann', 'lightning/security:setGlobalPause', '{}')$$, 'KH020', 'missing_active'),
    ($$SELECT lightning.operate('ops', 'ann', 'lightning/security:setGlobalPause', '{"active": true, "reason": " "}')$$, 'KH020', 'missing_reason'),
    ($$SELECT lightning.operate('ops', 'ann', 'lightning/security:setOwnerKillSwitch', '{"active": false}')$$, 'KH020', 'missing_ownerId'),
    ($$SELECT lightning.operate('ops', 'ann', 'lightning/security:setGlobalPause', '{"active": false}', '')$$, 'KH020', 'invalid_Idempotency-Key')
) AS q (query, sqlstate, message);
SELECT results_eq(
    $$SELECT g.global_pause, (SELECT c.kill_switch FROM lightning.owner_security_controls AS c WHERE c.owner_id = 'bob') FROM lightning.security_global AS g$$,
    'VALUES (FALSE, TRUE)', 'what is refused changes nothing'
);
SELECT is((SELECT count(*) FROM lightning.owner_security_controls), 1::bigint, 'and makes nothing');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
