BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(1);

SELECT is((SELECT khala_internal.lightning_preimage_hash('0000000000000000000000000000000000000000000000000000000000000001')), 'ec4916dd28fc4c10d78e287ca5d9cc51ee1ae73cbfde08c6b37324cbfaac8bc5', 'SHA-256 of the bytes, not of the digits');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
