BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(7);

SELECT is((SELECT lightning.rotate_credential_role('{"role": "operator_admin", "fingerprint": "f"}') #>> '{role,version}'), '1', 'the first version');
SELECT is((SELECT lightning.rotate_credential_role('{"role": "operator_admin", "fingerprint": "f"}') #>> '{role,version}'), '2', 'one more');
SELECT is((SELECT lightning.rotate_credential_role('{"role": "operator_admin"}') #>> '{role,fingerprint}'), 'f', 'the fingerprint stays where none is given');
SELECT is((SELECT r.status || (r.last_rotated_at_ms IS NOT NULL) FROM lightning.credential_roles AS r), 'rotatingtrue', 'rotating, with its time');
SELECT is((SELECT d.org_id FROM runtime.sync_documents AS d WHERE d.topic = 'lightning.security' AND d.doc_key = 'role/operator_admin'), 'operators', 'the document is the operators''');
SELECT throws_ok(q.query, 'KH020', q.message, q.query)
FROM (
    VALUES
    ($$SELECT lightning.rotate_credential_role('{}')$$, 'missing_role'),
    ($$SELECT lightning.rotate_credential_role('{"role": "root"}')$$, 'invalid_role')
) AS q (query, message);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
