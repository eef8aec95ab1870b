-- Refuses to read a table whose rows may be hidden: documents of hidden rows would become tombstones. A policy for
-- khala_owner that is true shows every row, and the planner then evaluates no other permissive one. It refuses a table
-- too that would have code of others run with the rights of khala_owner. The lock keeps policies, rules and columns as
-- they are here until the rows are read, with statements that are made after it. A table that was dropped has no rows.

CREATE OR REPLACE FUNCTION khala_internal.check_attached_access(p_relation oid, p_is_trusted boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_relation pg_class;
    v_schema text;
    v_code text;
BEGIN
    SELECT c.* INTO v_relation FROM pg_class AS c WHERE c.oid = p_relation;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    v_schema := v_relation.relnamespace::regnamespace;
    IF NOT (
        has_table_privilege('khala_owner', p_relation, 'SELECT')
        AND has_schema_privilege('khala_owner', v_relation.relnamespace, 'USAGE')
    ) THEN
        RAISE EXCEPTION 'khala_owner may not read table %', p_relation::regclass
            USING ERRCODE = 'KH008',
                HINT = format('Run: GRANT USAGE ON SCHEMA %s TO khala_owner; GRANT SELECT ON %s TO khala_owner;', v_schema, p_relation::regclass);
    END IF;
    EXECUTE format('LOCK TABLE %s IN ACCESS SHARE MODE', p_relation::regclass);
    SELECT c.* INTO v_relation FROM pg_class AS c WHERE c.oid = p_relation;
    -- PostgreSQL 15 lets an empty table become a view, whose functions would run.
    IF v_relation.relkind NOT IN ('r', 'p') THEN
        RAISE EXCEPTION '% is no longer a table', p_relation::regclass
            USING ERRCODE = 'KH008', HINT = 'Drop it, then call khala.detach, and attach the tables that it reads.';
    END IF;
    IF NOT p_is_trusted THEN
        v_code := khala_internal.untrusted_code(p_relation);
        IF v_code IS NOT NULL THEN
            RAISE EXCEPTION 'table % would run code with the rights of khala_owner: %', p_relation::regclass, v_code
                USING ERRCODE = 'KH008',
                    HINT = 'Drop that, or make a member of khala_owner the owner of the function. Or let a member of khala_owner attach the table with p_trust => TRUE (--trust), if whoever owns it may do everything in Khala.';
        END IF;
    END IF;
    IF v_relation.relrowsecurity AND khala_internal.hides_rows(p_relation) THEN
        RAISE EXCEPTION 'row security of table % may hide rows from khala_owner', p_relation::regclass
            USING ERRCODE = 'KH008',
                HINT = format(
                    'Run: CREATE POLICY khala_attach ON %s FOR SELECT TO khala_owner USING (TRUE); and keep restrictive policies TO the roles that they are for.',
                    p_relation::regclass
                );
    END IF;
END
$$;

COMMENT ON FUNCTION khala_internal.check_attached_access(oid, boolean) IS
'Internal: refuses a table whose rows khala_owner cannot all read, or not without running code of others, and locks it against changes. Arguments: the table, which may have been dropped; whether code of others may run. Errors: KH008.';
REVOKE ALL ON FUNCTION khala_internal.check_attached_access(oid, boolean) FROM public;
