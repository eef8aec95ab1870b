-- Revert khala:access from pg

BEGIN;
\ir ../session.sql

DROP TABLE runtime.api_keys;
DROP TABLE runtime.sync_revocations;

COMMIT;
