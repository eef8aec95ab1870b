BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(6);

SELECT lightning.rotate_credential_role('{"role": "operator_admin"}');
SELECT lightning.set_owner_kill_switch('{"ownerId": "ann", "active": true}');
SELECT lightning.set_operators('ops');
SELECT is(
    (SELECT jsonb_object_agg(d.doc_key, d.org_id) FROM runtime.sync_documents AS d WHERE d.topic = 'lightning.security'),
    '{"global": "ops", "role/operator_admin": "ops", "operators/owner/ann": "ops", "owner/ann": "ann"}'::jsonb,
    'the security state is theirs at once'
);
SELECT lightning.set_operators('ops');
SELECT is((SELECT max(d.doc_version) FROM runtime.sync_documents AS d WHERE d.doc_key = 'global'), 1::bigint, 'once');
SELECT is((SELECT d.payload ->> 'globalPause' FROM runtime.sync_documents AS d WHERE d.doc_key = 'global'), 'false', 'as it is');
SELECT lightning.set_global_pause('{"active": true}');
SELECT is((SELECT d.org_id FROM runtime.sync_documents AS d WHERE d.topic = 'lightning.security' AND d.doc_key = 'global'), 'ops', 'documents from now on are theirs');
SELECT throws_ok($$SELECT lightning.set_operators('')$$, 'KH007', NULL, 'an empty name');
SELECT throws_ok($$SELECT lightning.set_operators(NULL)$$, 'KH007', NULL, 'no name');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
