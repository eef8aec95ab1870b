-- Revert khala:flags from pg

BEGIN;
\ir ../session.sql

DROP TABLE runtime.flags;

COMMIT;
