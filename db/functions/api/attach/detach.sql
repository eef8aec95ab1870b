-- Ends khala.attach: drops the triggers, takes back what khala.attach granted, and forgets the
-- attachment. The documents stay as they are; khala.remove_topic removes them. Of a table that was dropped only the
-- attachment is left.

CREATE OR REPLACE FUNCTION khala.detach(p_topic text)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
AS $$
DECLARE
    v_relation pg_class;
    v_trigger record;
    v_sequenced bigint;
BEGIN
    SELECT c.* INTO v_relation
    FROM runtime.attachments AS a INNER JOIN pg_class AS c ON a.relation = c.oid
    WHERE a.topic = p_topic;
    IF FOUND THEN
        IF NOT pg_has_role(v_relation.relowner, 'USAGE') THEN
            RAISE EXCEPTION '% does not own table %', current_user, v_relation.oid::regclass
                USING ERRCODE = 'KH008',
                    HINT = format('Log in as a member of %s that is a member of khala_dba too.', v_relation.relowner::regrole);
        END IF;
    END IF;
    -- It waits for transactions that have written to the table: what they staged is there then. A partition that was
    -- detached has kept its triggers.
    FOR v_trigger IN
        SELECT t.tgname, t.tgrelid::regclass AS name
        FROM pg_trigger AS t
        INNER JOIN pg_class AS c ON t.tgrelid = c.oid
        WHERE t.tgfoid = 'khala.attached_change()'::regprocedure AND t.tgparentid = 0 AND pg_has_role(c.relowner, 'USAGE')
            AND t.tgargs = convert_to(p_topic, getdatabaseencoding()) || decode('00', 'hex')
        ORDER BY t.tgrelid IS DISTINCT FROM v_relation.oid, t.tgrelid, t.tgname
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', v_trigger.tgname, v_trigger.name);
    END LOOP;
    v_sequenced := khala.remove_attachment(p_topic);
    IF v_relation.oid IS NOT NULL THEN
        IF EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = v_relation.oid AND p.polname = 'khala_attach') THEN
            EXECUTE format('DROP POLICY khala_attach ON %s', v_relation.oid::regclass);
        END IF;
        IF v_relation.relowner <> 'khala_owner'::regrole THEN
            EXECUTE format('REVOKE SELECT ON %s FROM khala_owner', v_relation.oid::regclass);
        END IF;
        -- Other attached tables of the schema need it.
        IF NOT EXISTS (
            SELECT FROM runtime.attachments AS a INNER JOIN pg_class AS c ON a.relation = c.oid
            WHERE c.relnamespace = v_relation.relnamespace
        ) AND EXISTS (
            SELECT FROM pg_namespace AS n
            WHERE n.oid = v_relation.relnamespace AND n.nspowner <> 'khala_owner'::regrole AND pg_has_role(n.nspowner, 'USAGE')
        ) THEN
            EXECUTE format('REVOKE USAGE ON SCHEMA %s FROM khala_owner', v_relation.relnamespace::regnamespace);
        END IF;
    END IF;
    RETURN v_sequenced;
END
$$;

COMMENT ON FUNCTION khala.detach(text) IS
'Ends khala.attach: the table has no trigger of Khala any more, and its documents stay as they are. The caller owns the table, unless it was dropped; the transaction must be READ COMMITTED. Argument: topic. Result: number of staged changes that were sequenced before. Errors: KH007 no table is attached to it, or the transaction''s isolation; KH008 the caller does not own the table.';
REVOKE ALL ON FUNCTION khala.detach(text) FROM public;
GRANT EXECUTE ON FUNCTION khala.detach(text) TO khala_dba;
