-- Revert khala:functions from pg
-- Both schemas hold nothing but functions at this point, and those are ours, old signatures included.

BEGIN;

DO $$
DECLARE
    -- All in one statement: dropped one by one, a function may already be gone with another.
    v_functions text := (
        SELECT pg_catalog.string_agg(p.oid::regprocedure::text, ', ')
        FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace IN ('khala'::pg_catalog.regnamespace, 'khala_internal'::pg_catalog.regnamespace)
    );
BEGIN
    IF v_functions IS NOT NULL THEN
        EXECUTE 'DROP FUNCTION ' || v_functions || ' CASCADE';
    END IF;
END
$$;

COMMIT;
