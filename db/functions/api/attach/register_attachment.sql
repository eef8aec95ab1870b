-- Khala's part of khala.attach: the topic, the checks and the backfill. It reads nothing but the catalog.

CREATE OR REPLACE FUNCTION khala.register_attachment(
    p_table regclass,
    p_key text[],
    p_org text,
    p_columns text[],
    p_topic text,
    p_ownership text,
    p_replace boolean,
    p_trust boolean DEFAULT FALSE
)
RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
AS $$
DECLARE
    v_relation pg_class;
    v_topic runtime.sync_topics;
    v_known runtime.attachments;
    v_new runtime.attachments;
    v_name text;
    v_missing text;
    v_documents bigint;
BEGIN
    SELECT c.* INTO v_relation FROM pg_class AS c WHERE c.oid = p_table;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'p_table is %', coalesce('no table', 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Name a table, with its schema: public.orders.';
    ELSIF NOT pg_has_role(SESSION_USER, v_relation.relowner, 'MEMBER') THEN
        RAISE EXCEPTION '% does not own table %', SESSION_USER, p_table
            USING ERRCODE = 'KH008',
                HINT = format('Log in as a member of %s that is a member of khala_dba too.', v_relation.relowner::regrole);
    ELSIF v_relation.relnamespace::regnamespace::text IN ('pg_catalog', 'information_schema', 'pg_toast', 'runtime', 'khala', 'khala_internal', 'lightning') THEN
        RAISE EXCEPTION 'table % belongs to PostgreSQL or Khala', p_table
            USING ERRCODE = 'KH007', HINT = 'Attach a table of your application.';
    ELSIF v_relation.relispartition THEN
        RAISE EXCEPTION 'table % is a partition', p_table
            USING ERRCODE = 'KH007', HINT = format('Attach %s, with all of its partitions.', pg_partition_root(p_table));
    ELSIF v_relation.relkind NOT IN ('r', 'p') OR v_relation.relpersistence <> 'p' OR EXISTS (
        SELECT FROM pg_inherits AS i
        INNER JOIN pg_class AS o ON i.inhparent = o.oid
        WHERE (i.inhrelid = p_table OR i.inhparent = p_table) AND o.relkind = 'r'
    ) OR EXISTS (
        SELECT FROM pg_partition_tree(p_table) AS t
        INNER JOIN pg_class AS o ON t.relid = o.oid
        WHERE o.relkind = 'f' OR o.relpersistence <> 'p'
    ) THEN
        RAISE EXCEPTION '% is not an ordinary table or a partitioned one', p_table
            USING ERRCODE = 'KH007',
                HINT = 'A view, a foreign table, a temporary or unlogged table and one that inherits change without a trigger: attach the tables that it reads or that inherit, or call khala.sink.';
    END IF;
    IF p_trust AND NOT pg_has_role(SESSION_USER, 'khala_owner', 'MEMBER') THEN
        RAISE EXCEPTION '% may not trust the code of table %', SESSION_USER, p_table
            USING ERRCODE = 'KH008', HINT = 'Pass p_trust (--trust) as a member of khala_owner: that code runs with its rights.';
    END IF;
    PERFORM khala_internal.check_attached_access(p_table, p_trust IS TRUE);

    IF p_key IS NULL THEN
        p_key := (
            SELECT array_agg(a.attname::text ORDER BY k.place)
            FROM pg_index AS i
            CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
            INNER JOIN pg_attribute AS a ON a.attrelid = p_table AND a.attnum = k.attnum
            WHERE i.indrelid = p_table AND i.indisprimary AND k.place <= i.indnkeyatts
        );
    END IF;
    IF coalesce(cardinality(p_key), 0) = 0 OR array_position(p_key, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'p_key names no column%', CASE WHEN p_key IS NULL THEN format(', and table %s has no primary key', p_table) ELSE '' END
            USING ERRCODE = 'KH007', HINT = 'Name the columns of the primary key, or of another unique key.';
    END IF;
    IF cardinality(p_columns) = 0 OR array_position(p_columns, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'p_columns names no column'
            USING ERRCODE = 'KH007', HINT = 'Name the columns that documents have, or omit p_columns (--columns) for all of them.';
    END IF;
    SELECT c.name INTO v_missing
    FROM unnest(p_key || p_org || p_columns) AS c (name)
    WHERE c.name IS NOT NULL AND NOT EXISTS (
        SELECT FROM pg_attribute AS a
        WHERE a.attrelid = p_table AND a.attname = c.name AND a.attnum > 0 AND NOT a.attisdropped
    )
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'table % has no column %', p_table, quote_literal(left(v_missing, 100))
            USING ERRCODE = 'KH007', HINT = format('Its columns are: %s.', (
                SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_attribute AS a
                WHERE a.attrelid = p_table AND a.attnum > 0 AND NOT a.attisdropped
            ));
    END IF;
    IF NOT EXISTS (
        SELECT FROM khala_internal.key_index(p_table, ARRAY(
            SELECT a.attnum FROM pg_attribute AS a WHERE a.attrelid = p_table AND a.attname = ANY(p_key)
        )) AS i
        HAVING count(*) = cardinality(p_key) AND count(DISTINCT i.schema_name) = 1
    ) OR EXISTS (
        SELECT FROM pg_attribute AS a
        WHERE a.attrelid = p_table AND a.attname = ANY(p_key) AND khala_internal.may_be_null(a.attrelid, a.attnum)
    ) THEN
        RAISE EXCEPTION 'column % of table % is no key', array_to_string(p_key, ', '), p_table
            USING ERRCODE = 'KH007',
                HINT = 'Name exactly the columns of the primary key, or of a unique index that is neither partial nor deferrable nor of another collation, all of them NOT NULL.';
    END IF;
    SELECT a.attname INTO v_missing
    FROM pg_attribute AS a
    INNER JOIN pg_type AS t ON khala_internal.base_type(a.atttypid) = t.oid
    WHERE a.attrelid = p_table AND a.attname = ANY(p_key)
        AND t.typnamespace = 'pg_catalog'::regnamespace AND t.typname LIKE 'reg%'
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'column % of table % is no key: what it names may be renamed or dropped', quote_literal(v_missing), p_table
            USING ERRCODE = 'KH007', HINT = 'Name a unique key without a column of type regclass or another of its kind.';
    END IF;
    -- Rows are found by the key as this type has it.
    SELECT n.nspname INTO v_missing
    FROM pg_attribute AS a
    INNER JOIN pg_type AS t ON khala_internal.base_type(a.atttypid) = t.oid
    INNER JOIN pg_namespace AS n
        ON t.typnamespace = n.oid OR n.nspname IN (
            SELECT i.schema_name FROM khala_internal.key_index(p_table, ARRAY(
                SELECT k.attnum FROM pg_attribute AS k WHERE k.attrelid = p_table AND k.attname = ANY(p_key)
            )) AS i
        )
    WHERE a.attrelid = p_table AND a.attname = ANY(p_key) AND NOT has_schema_privilege('khala_owner', n.oid, 'USAGE')
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'khala_owner may not use schema %, which has the type of a key column of table %', quote_ident(v_missing), p_table
            USING ERRCODE = 'KH008', HINT = format('Run: GRANT USAGE ON SCHEMA %I TO khala_owner;', v_missing);
    END IF;

    v_name := coalesce(p_topic, v_relation.relnamespace::regnamespace || '.' || v_relation.relname);
    PERFORM pg_advisory_xact_lock(hashtextextended('khala.register_topic', 0));
    SELECT a.* INTO v_known FROM runtime.attachments AS a WHERE a.relation = p_table OR a.topic = v_name;
    IF FOUND AND (v_known.relation <> p_table OR v_known.topic <> coalesce(p_topic, v_known.topic)) THEN
        RAISE EXCEPTION 'table % is attached to topic %', v_known.relation, v_known.topic
            USING ERRCODE = 'KH008', HINT = format('A table has one topic, and a topic one table. Call khala.detach(%L) first.', v_known.topic);
    END IF;
    v_name := coalesce(v_known.topic, v_name);
    IF khala_internal.is_own_topic(v_name) THEN
        RAISE EXCEPTION 'topic % is written by functions of Khala', v_name
            USING ERRCODE = 'KH008', HINT = 'Pass another p_topic.';
    END IF;
    SELECT t.* INTO v_topic FROM runtime.sync_topics AS t WHERE t.topic = v_name;
    IF NOT FOUND THEN
        IF p_topic IS NULL AND v_name !~ '^[a-z][a-z0-9_]*[.][a-z][a-z0-9_]*$' THEN
            RAISE EXCEPTION '% cannot name a topic', quote_literal(v_name)
                USING ERRCODE = 'KH007', HINT = 'Pass p_topic (--topic): lower-case words joined by dots, such as shop.orders.';
        END IF;
        v_topic.ownership := coalesce(p_ownership, 'owned');
    ELSIF v_topic.ownership <> p_ownership THEN
        RAISE EXCEPTION 'topic % is %', v_name, v_topic.ownership
            USING ERRCODE = 'KH008', HINT = 'Omit p_ownership (--public), or change the topic with khala.set_topic.';
    END IF;
    IF p_org IS NULL AND v_topic.ownership = 'owned' THEN
        RAISE EXCEPTION 'p_org is NULL, but each document of topic % names its organisation', v_name
            USING ERRCODE = 'KH006',
                HINT = 'Name the column with the organisation (--org), or pass p_ownership => ''public'' (--public), which shows every row to every client.';
    ELSIF p_org IS NOT NULL AND v_topic.ownership = 'public' THEN
        RAISE EXCEPTION 'p_org is %, but no document of topic % names an organisation', quote_literal(p_org), v_name
            USING ERRCODE = 'KH006', HINT = 'Omit p_org (--org), or make the topic owned or mixed.';
    END IF;
    IF v_topic.topic IS NULL THEN
        PERFORM khala.register_topic(v_name, p_ownership => v_topic.ownership, p_writes => 'grouped');
    ELSIF v_known.topic IS NULL THEN
        SELECT count(*) INTO v_documents FROM (
            SELECT FROM runtime.sync_documents AS d WHERE d.topic = v_name AND NOT d.deleted LIMIT 1000
        ) AS d;
        IF v_documents > 0 AND p_replace IS NOT TRUE THEN
            RAISE EXCEPTION 'topic % has % documents', v_name, CASE WHEN v_documents = 1000 THEN '1000 or more' ELSE v_documents::text END
                USING ERRCODE = 'KH008', HINT = 'Pass p_replace => TRUE (--replace): the rows of the table take their place. Or pass another p_topic.';
        END IF;
        PERFORM khala.set_topic_writes(v_name, 'grouped');
    END IF;

    v_new.topic := v_name;
    v_new.relation := p_table;
    v_new.key_columns := p_key;
    v_new.org_column := p_org;
    v_new.columns := p_columns;
    SELECT jsonb_agg(jsonb_build_object('name', a.attname, 'number', a.attnum, 'type', format_type(a.atttypid, a.atttypmod)) ORDER BY a.attnum)
    INTO v_new.recorded
    FROM pg_attribute AS a WHERE a.attrelid = p_table AND a.attnum > 0 AND NOT a.attisdropped;
    v_new.partitions := ARRAY(
        SELECT t.relid FROM pg_partition_tree(p_table) AS t WHERE t.relid <> p_table ORDER BY t.relid
    );
    SELECT s.key_sql INTO v_new.key_sql FROM khala_internal.attached_statements(v_new) AS s;
    INSERT INTO runtime.attachments AS a (
        topic, relation, key_columns, org_column, columns, recorded, partitions, key_sql, sweep_after, is_trusted
    )
    VALUES (
        v_new.topic, p_table, p_key, p_org, p_columns, v_new.recorded, v_new.partitions, v_new.key_sql, '', p_trust IS TRUE
    )
    ON CONFLICT (topic) DO UPDATE
    SET key_columns = excluded.key_columns,
        org_column = excluded.org_column,
        columns = excluded.columns,
        recorded = excluded.recorded,
        partitions = excluded.partitions,
        key_sql = excluded.key_sql,
        is_trusted = excluded.is_trusted,
        attached_at = excluded.attached_at,
        attached_by = excluded.attached_by,
        is_backfilled = FALSE,
        backfill_after = NULL,
        backfilled_rows = 0,
        sweep_after = '';
    -- They are found again.
    DELETE FROM runtime.attachment_set_aside AS a WHERE a.topic = v_name;
    -- Relays begin.
    PERFORM pg_notify('khala_sync', 'staged:' || v_name);
    RETURN v_name;
END
$$;

COMMENT ON FUNCTION khala.register_attachment(regclass, text[], text, text[], text, text, boolean, boolean) IS
'Khala''s part of khala.attach, which calls it and makes the triggers; without them no change of a row is seen. Arguments: as khala.attach. Result: the topic. Errors: as khala.attach.';
REVOKE ALL ON FUNCTION khala.register_attachment(regclass, text[], text, text[], text, text, boolean, boolean) FROM public;
GRANT EXECUTE ON FUNCTION khala.register_attachment(regclass, text[], text, text[], text, text, boolean, boolean) TO khala_dba;
