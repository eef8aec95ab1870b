-- Revert khala:access from pg

BEGIN;

DROP TABLE runtime.api_keys;
DROP TABLE runtime.sync_revocations;

COMMIT;
