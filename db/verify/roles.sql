-- Verify khala:roles on pg

BEGIN;
\ir ../session.sql

DO $$
BEGIN
    ASSERT (
        SELECT pg_catalog.count(*) = 7
        FROM pg_catalog.pg_roles AS r
        WHERE r.rolname IN (
            'khala_owner', 'khala_runtime', 'khala_relay', 'khala_dba', 'khala_publisher', 'lightning_ops',
            'lightning_owner_api'
        )
            AND NOT r.rolcanlogin AND NOT r.rolsuper
    ), 'the seven group roles must exist, without login and without superuser';
    ASSERT (
        SELECT pg_catalog.count(*) = 4
        FROM pg_catalog.pg_namespace AS n
        WHERE n.nspname IN ('khala', 'khala_internal', 'runtime', 'lightning')
            AND n.nspowner = (SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname = 'khala_owner')
    ), 'schemas khala, khala_internal, runtime and lightning must exist and belong to khala_owner';
    ASSERT pg_catalog.has_schema_privilege('khala_relay', 'khala', 'USAGE'),
        'khala_relay must be able to use schema khala';
    ASSERT NOT pg_catalog.has_schema_privilege('khala_relay', 'khala_internal', 'USAGE'),
        'khala_relay must not be able to use schema khala_internal';
    ASSERT NOT pg_catalog.has_schema_privilege('khala_relay', 'runtime', 'USAGE'),
        'khala_relay must not be able to use schema runtime';
END
$$;

ROLLBACK;
