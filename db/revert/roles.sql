-- Revert khala:roles from pg
-- Roles go only when no other database of the cluster still uses them.

BEGIN;
\ir ../session.sql

DROP SCHEMA lightning;
DROP SCHEMA khala;
DROP SCHEMA khala_internal;
DROP SCHEMA runtime;

DO $$
DECLARE
    v_role text;
BEGIN
    FOREACH v_role IN ARRAY ARRAY[
        'lightning_owner_api', 'lightning_ops', 'khala_publisher', 'khala_dba', 'khala_relay', 'khala_runtime', 'khala_owner'
    ] LOOP
        BEGIN
            EXECUTE pg_catalog.format('DROP ROLE %I', v_role);
        EXCEPTION
            WHEN dependent_objects_still_exist OR insufficient_privilege THEN
                RAISE NOTICE 'role % is still used elsewhere in this cluster and stays', v_role;
            WHEN undefined_object THEN
                RAISE NOTICE 'role % was already gone', v_role;
        END;
    END LOOP;
END
$$;

COMMIT;
