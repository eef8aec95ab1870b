-- Revert khala:functions from pg
-- The functions of these schemas are all ours, old signatures included.

BEGIN;
\ir ../session.sql

ALTER TABLE runtime.sync_stream_events ALTER COLUMN traceparent DROP DEFAULT;

DO $$
DECLARE
    -- One statement for each kind: a single drop may already have removed the next object by CASCADE.
    v_functions text := (
        SELECT pg_catalog.string_agg(p.oid::regprocedure::text, ', ')
        FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace IN (
            'khala'::pg_catalog.regnamespace, 'khala_internal'::pg_catalog.regnamespace, 'lightning'::pg_catalog.regnamespace
        )
    );
    v_views text := (
        SELECT pg_catalog.string_agg(c.oid::regclass::text, ', ')
        FROM pg_catalog.pg_class AS c
        WHERE c.relnamespace = 'khala'::pg_catalog.regnamespace AND c.relkind = 'v'
    );
BEGIN
    IF v_views IS NOT NULL THEN
        EXECUTE 'DROP VIEW ' || v_views || ' CASCADE';
    END IF;
    IF v_functions IS NOT NULL THEN
        EXECUTE 'DROP FUNCTION ' || v_functions || ' CASCADE';
    END IF;
END
$$;

COMMIT;
