BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(8);

SELECT is((SELECT lightning.activate_credential_role('{"role": "operator_admin", "fingerprint": "f"}') #>> '{role,version}'), '1', 'a new one');
SELECT is((SELECT lightning.activate_credential_role('{"role": "operator_admin", "fingerprint": "f"}') #>> '{role,version}'), '2', 'one more');
SELECT lightning.rotate_credential_role('{"role": "operator_admin", "fingerprint": "f"}') #>> '{role,version}';
SELECT is((SELECT lightning.activate_credential_role('{"role": "operator_admin", "fingerprint": "f"}') #>> '{role,version}'), '3', 'the version of the rotation');
SELECT lightning.revoke_credential_role('{"role": "operator_admin", "fingerprint": "f"}') #>> '{role,version}';
SELECT is((SELECT lightning.activate_credential_role('{"role": "operator_admin", "fingerprint": "f"}') #>> '{role,version}'), '4', 'after a revocation one more');
SELECT is((SELECT r.status || (r.revoked_at_ms IS NULL) FROM lightning.credential_roles AS r), 'activetrue', 'active');
SELECT is((SELECT d.org_id FROM runtime.sync_documents AS d WHERE d.topic = 'lightning.security' AND d.doc_key = 'role/operator_admin'), 'operators', 'the document is the operators''');
SELECT throws_ok(q.query, 'KH020', q.message, q.query)
FROM (
    VALUES
    ($$SELECT lightning.activate_credential_role('{}')$$, 'missing_role'),
    ($$SELECT lightning.activate_credential_role('{"role": "root"}')$$, 'invalid_role')
) AS q (query, message);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
