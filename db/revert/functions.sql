-- Revert khala:functions from pg
-- Schema khala holds nothing but functions at this point, and those are ours, old signatures included.

BEGIN;

DO $$
DECLARE
    v_function regprocedure;
BEGIN
    FOR v_function IN
        SELECT p.oid::regprocedure
        FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace = 'khala'::pg_catalog.regnamespace
    LOOP
        EXECUTE pg_catalog.format('DROP FUNCTION IF EXISTS %s CASCADE', v_function);
    END LOOP;
END
$$;

COMMIT;
