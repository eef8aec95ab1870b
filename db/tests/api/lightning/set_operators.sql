BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(3);

SELECT lightning.set_operators('ops');
SELECT lightning.set_global_pause('{"active": true}');
SELECT is((SELECT d.org_id FROM runtime.sync_documents AS d WHERE d.topic = 'lightning.security' AND d.doc_key = 'global'), 'ops', 'documents from now on are theirs');
SELECT throws_ok($$SELECT lightning.set_operators('')$$, 'KH007', NULL, 'an empty name');
SELECT throws_ok($$SELECT lightning.set_operators(NULL)$$, 'KH007', NULL, 'no name');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
