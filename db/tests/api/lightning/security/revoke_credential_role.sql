BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(6);

SELECT is((SELECT lightning.revoke_credential_role('{"role": "operator_admin", "fingerprint": "f"}') #>> '{role,version}'), '1', 'at least 1');
SELECT lightning.rotate_credential_role('{"role": "operator_admin", "fingerprint": "f"}') #>> '{role,version}';
SELECT is((SELECT lightning.revoke_credential_role('{"role": "operator_admin", "note": "lost"}') #>> '{role,version}'), '2', 'the version stays');
SELECT is((SELECT concat_ws(' ', r.status, r.fingerprint, r.last_rotated_at_ms, r.note, r.revoked_at_ms IS NOT NULL) FROM lightning.credential_roles AS r), 'revoked lost t', 'fingerprint and last rotation are dropped');
SELECT is((SELECT d.org_id FROM runtime.sync_documents AS d WHERE d.topic = 'lightning.security' AND d.doc_key = 'role/operator_admin'), 'operators', 'the document is the operators''');
SELECT throws_ok(q.query, 'KH020', q.message, q.query)
FROM (
    VALUES
    ($$SELECT lightning.revoke_credential_role('{}')$$, 'missing_role'),
    ($$SELECT lightning.revoke_credential_role('{"role": "root"}')$$, 'invalid_role')
) AS q (query, message);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
