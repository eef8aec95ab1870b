-- Deploy khala:roles to pg
-- Group roles are cluster-wide: a second database of the same cluster finds them already there.

BEGIN;
\ir ../session.sql

DO $$
DECLARE
    v_role text;
BEGIN
    FOREACH v_role IN ARRAY ARRAY[
        'khala_owner', 'khala_runtime', 'khala_relay', 'khala_dba', 'khala_publisher', 'lightning_ops',
        'lightning_owner_api'
    ] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname = v_role) THEN
            BEGIN
                EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', v_role);
            EXCEPTION
                -- Another database of the cluster is being migrated at the same moment.
                WHEN duplicate_object OR unique_violation THEN NULL;
            END;
        END IF;
    END LOOP;
    -- The migrating role must be able to act as the owner; a superuser already can.
    BEGIN
        SET LOCAL ROLE khala_owner;
        RESET ROLE;
    EXCEPTION
        WHEN insufficient_privilege THEN
            EXECUTE pg_catalog.format('GRANT khala_owner TO %I', current_user);
    END;
END
$$;

CREATE SCHEMA runtime AUTHORIZATION khala_owner;
COMMENT ON SCHEMA runtime IS 'Khala Sync: tables (topics, journal, read models) and the runtime''s own event history';

CREATE SCHEMA khala AUTHORIZATION khala_owner;
COMMENT ON SCHEMA khala IS 'Khala Sync: the SQL API: functions and views, each granted to a role';
CREATE SCHEMA khala_internal AUTHORIZATION khala_owner;
COMMENT ON SCHEMA khala_internal IS 'Khala Sync: internal functions of the API, granted to no role';
CREATE SCHEMA lightning AUTHORIZATION khala_owner;
COMMENT ON SCHEMA lightning IS 'Lightning control plane: tables granted to nobody, and functions granted to lightning_ops and lightning_owner_api';
GRANT USAGE ON SCHEMA khala TO khala_runtime, khala_relay, khala_dba, khala_publisher;
GRANT USAGE ON SCHEMA runtime TO khala_runtime, khala_dba;
GRANT USAGE ON SCHEMA lightning TO lightning_ops, lightning_owner_api, khala_dba;

COMMIT;
