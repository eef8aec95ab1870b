-- Deploy khala:functions to pg
-- The bodies stand only in db/functions. A later change of a body needs no migration: see docs/upgrade.md.

BEGIN;

-- On a new database today's bodies come before later changes of the plan, whose tables they may name.
SET LOCAL check_function_bodies = off;

\ir ../functions.sql

COMMIT;
