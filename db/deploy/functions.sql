-- Deploy khala:functions to pg
-- The bodies stand only in db/functions. A later change of a body needs no migration: see docs/upgrade.md.

BEGIN;

\ir ../functions.sql

COMMIT;
