-- Verify khala:lightning_tables on pg

BEGIN;
\ir ../session.sql

DO $$
BEGIN
    ASSERT (
        SELECT pg_catalog.count(*) = 11 AND pg_catalog.bool_and(c.relowner = 'khala_owner'::pg_catalog.regrole)
        FROM pg_catalog.pg_class AS c
        WHERE c.relnamespace = 'lightning'::pg_catalog.regnamespace AND c.relkind = 'r'
    ), 'schema lightning must have eleven tables, which belong to khala_owner';
    ASSERT NOT EXISTS (
        SELECT FROM pg_catalog.pg_class AS c
        CROSS JOIN (VALUES ('lightning_ops'), ('lightning_owner_api'), ('khala_dba')) AS r (name)
        WHERE c.relnamespace = 'lightning'::pg_catalog.regnamespace AND c.relkind = 'r'
            AND pg_catalog.has_table_privilege(r.name, c.oid, 'SELECT, INSERT, UPDATE, DELETE')
    ), 'no role but the owner may touch the tables of schema lightning';
    ASSERT pg_catalog.has_schema_privilege('lightning_ops', 'lightning', 'USAGE'),
        'lightning_ops must be able to use schema lightning';
END
$$;

ROLLBACK;
