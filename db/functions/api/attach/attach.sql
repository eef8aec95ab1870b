-- Makes the rows of a table the documents of a topic: its triggers stage the keys of changed rows, and the topic's
-- sequencer makes documents of them, and of the rows that were there before. It runs with the caller's rights, because
-- only the owner of a table may add triggers, and by doing so agrees that Khala shows its rows.
--
-- Triggers of statements with transition tables serve a session, at a low cost for many rows. They fire where a
-- statement names their table, so each partition has its own. A subscription's worker fires only triggers of rows:
-- those are enabled for replication, and not in a session. A partition that is attached later inherits the trigger of
-- rows, enabled for all, until the next call of this function.

CREATE OR REPLACE FUNCTION khala.attach(
    p_table regclass,
    p_key text[] DEFAULT NULL,
    p_org text DEFAULT NULL,
    p_columns text[] DEFAULT NULL,
    p_topic text DEFAULT NULL,
    p_ownership text DEFAULT NULL,
    p_replace boolean DEFAULT FALSE,
    p_trust boolean DEFAULT FALSE
)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
AS $$
DECLARE
    v_relation pg_class;
    v_topic text;
    v_part record;
    v_trigger record;
BEGIN
    SELECT c.* INTO v_relation FROM pg_class AS c WHERE c.oid = p_table;
    IF v_relation.relnamespace::regnamespace::text IN ('pg_catalog', 'information_schema', 'runtime', 'khala', 'khala_internal', 'lightning')
        OR (v_relation.relkind IN ('r', 'p')) IS NOT TRUE
    THEN
        -- It says why.
        RETURN khala.register_attachment(p_table, p_key, p_org, p_columns, p_topic, p_ownership, p_replace, p_trust);
    ELSIF NOT pg_has_role(v_relation.relowner, 'USAGE') THEN
        RAISE EXCEPTION '% does not own table %', current_user, p_table
            USING ERRCODE = 'KH008',
                HINT = format('Log in as a member of %s that is a member of khala_dba too.', v_relation.relowner::regrole);
    END IF;
    IF NOT has_schema_privilege('khala_owner', v_relation.relnamespace, 'USAGE') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %s TO khala_owner', v_relation.relnamespace::regnamespace);
    END IF;
    IF NOT has_table_privilege('khala_owner', p_table, 'SELECT') THEN
        EXECUTE format('GRANT SELECT ON %s TO khala_owner', p_table);
    END IF;
    IF v_relation.relrowsecurity AND NOT EXISTS (
        SELECT FROM pg_policy AS p WHERE p.polrelid = p_table AND p.polname = 'khala_attach'
    ) THEN
        EXECUTE format('CREATE POLICY khala_attach ON %s FOR SELECT TO khala_owner USING (TRUE)', p_table);
    END IF;
    v_topic := khala.register_attachment(p_table, p_key, p_org, p_columns, p_topic, p_ownership, p_replace, p_trust);

    FOR v_part IN
        SELECT t.relid::regclass AS name, t.relid <> p_table AS is_partition
        FROM (
            SELECT p_table AS relid
            UNION
            SELECT p.relid FROM pg_partition_tree(p_table) AS p
        ) AS t
        ORDER BY t.relid <> p_table, t.relid
    LOOP
        FOR v_trigger IN
            SELECT t.name, t.event, t.rows, t.state
            FROM (
                VALUES
                ('khala_insert', 'INSERT', 'REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT', ''),
                ('khala_update', 'UPDATE', 'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT', ''),
                ('khala_delete', 'DELETE', 'REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT', ''),
                ('khala_truncate', 'TRUNCATE', 'FOR EACH STATEMENT', 'ALWAYS'),
                ('khala_row', 'INSERT OR UPDATE OR DELETE', 'FOR EACH ROW', CASE WHEN v_relation.relkind = 'p' THEN 'ALWAYS' ELSE 'REPLICA' END)
            ) AS t (name, event, rows, state)
            WHERE NOT (v_part.is_partition AND t.name = 'khala_row')
        LOOP
            EXECUTE format(
                'CREATE OR REPLACE TRIGGER %I AFTER %s ON %s %s EXECUTE FUNCTION khala.attached_change(%L)',
                v_trigger.name, v_trigger.event, v_part.name, v_trigger.rows, v_topic
            );
            IF v_trigger.state <> '' THEN
                EXECUTE format('ALTER TABLE %s ENABLE %s TRIGGER %I', v_part.name, v_trigger.state, v_trigger.name);
            END IF;
        END LOOP;
        IF v_part.is_partition THEN
            EXECUTE format('ALTER TABLE ONLY %s ENABLE REPLICA TRIGGER khala_row', v_part.name);
        END IF;
    END LOOP;
    RETURN v_topic;
END
$$;

COMMENT ON FUNCTION khala.attach(regclass, text[], text, text[], text, text, boolean, boolean) IS
'Makes the rows of a table the documents of a topic, and again after the table has changed. The caller owns the table. Arguments: table; columns of another unique key than its primary key, null for that one, whose values, joined by /, are the document key; column with the organisation, null without; columns that documents have, null for all; topic, null for the table''s name (it is added with grouped writes unless it is there); ownership of a new topic (null: owned); whether rows may take the place of documents that the topic has; whether functions of the table''s owner may run with the rights of khala_owner, where policies, indexes, statistics or casts call them (for a member of khala_owner). Result: the topic; relays, khala attach and khala.sequence make documents of the rows that are there. Errors: KH006 no organisation in an owned topic or one in a public topic, KH007 invalid argument or table, KH008 attached already, or the topic is in use, row security hides rows, reading would run code of others, or the caller does not own the table.';
REVOKE ALL ON FUNCTION khala.attach(regclass, text[], text, text[], text, text, boolean, boolean) FROM public;
GRANT EXECUTE ON FUNCTION khala.attach(regclass, text[], text, text[], text, text, boolean, boolean) TO khala_dba;
