-- Statements that read an attached table, made from the catalog each time they are needed: what is renamed, added or
-- dropped meanwhile is in them. None of them fires a trigger or names a function of the table's owner. The expression
-- of the key is kept, so it has no cast: a type that the owner gives the column later may bring one. (It costs 0.04 ms
-- for 1,000 keys.)
--
-- A key of several columns is joined by /, with ~1 for / and ~0 for ~ in its parts (RFC 6901), so it can be taken
-- apart again.

CREATE OR REPLACE FUNCTION khala_internal.attached_statements(
    p_attachment runtime.attachments,
    OUT key_sql text,
    OUT sizes_sql text,
    OUT read_sql text,
    OUT first_keys_sql text,
    OUT next_keys_sql text
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
SET max_parallel_workers_per_gather = 0
AS $$
DECLARE
    v_columns record;
    v_keys record;
    v_from text;
    v_org text;
    v_bytes text;
    v_payload text;
    v_from_keys text;
    v_lookup text;
BEGIN
    SELECT CASE c.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END || c.oid::regclass || ' AS x' INTO v_from
    FROM pg_class AS c WHERE c.oid = p_attachment.relation;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT
        count(*) AS columns,
        string_agg(CASE WHEN k.columns = 1 THEN k.value ELSE format('replace(replace(%s, ''~'', ''~0''), ''/'', ''~1'')', k.value) END, ' || ''/'' || ' ORDER BY k.key_place) AS key_sql,
        string_agg(format('x.%I OPERATOR(%I.%s) %s', k.name, k.schema_name, k.equal, k.part), ' AND ' ORDER BY k.key_place) AS found,
        string_agg(format('x.%I USING OPERATOR(%I.%s)', k.name, k.schema_name, k.less), ', ' ORDER BY k.index_place) AS in_order,
        'ROW(' || string_agg(format('x.%I', k.name), ', ' ORDER BY k.index_place) || ') OPERATOR('
        || quote_ident(min(k.schema_name)) || '.' || min(k.greater) || ') ROW('
        || string_agg(k.part, ', ' ORDER BY k.index_place) || ')' AS later
    INTO v_keys
    FROM (
        SELECT
            c.key_place, c.name, count(*) OVER () AS columns, i.place AS index_place,
            coalesce(i.schema_name, 'pg_catalog') AS schema_name, coalesce(i.less, '<') AS less,
            coalesce(i.equal, '=') AS equal, coalesce(i.greater, '>') AS greater,
            -- As a cast to text does, of which no blanks of padding are left.
            format(CASE khala_internal.base_type(t.oid) WHEN 'bpchar'::regtype THEN 'rtrim(format(''%%s'', x.%I), '' '')' ELSE 'format(''%%s'', x.%I)' END, c.name) AS value,
            format(
                '(%s)::%s',
                CASE
                    WHEN count(*) OVER () = 1 THEN 'k.doc_key'
                    ELSE format(
                        'replace(replace(split_part(k.doc_key, ''/'', %s), ''~1'', ''/''), ''~0'', ''~'')', c.key_place
                    )
                END,
                format_type(khala_internal.base_type(t.oid), -1)
            ) AS part
        FROM khala_internal.attached_columns(p_attachment) AS c
        INNER JOIN pg_type AS t ON c.type_id = t.oid
        LEFT JOIN khala_internal.key_index(p_attachment.relation, (
            SELECT array_agg(o.place) FROM khala_internal.attached_columns(p_attachment) AS o WHERE o.key_place IS NOT NULL
        )) AS i ON c.place = i.column_number
        WHERE c.key_place IS NOT NULL
    ) AS k;
    IF v_keys.columns < cardinality(p_attachment.key_columns) THEN
        RETURN;
    END IF;
    SELECT
        khala_internal.json_object_expression(
            array_agg(c.name ORDER BY c.place) FILTER (WHERE c.is_carried),
            array_agg((khala_internal.json_rule(format('x.%I', c.name), c.type_id)).expression ORDER BY c.place)
            FILTER (WHERE c.is_carried)
        ) AS payload,
        -- Of a value that is stored compressed the size is at least a ninetieth.
        string_agg(CASE
            WHEN t.typlen > 0 OR c.type_id IN ('numeric'::regtype, 'interval'::regtype) THEN NULL
            WHEN t.oid IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype, 'bytea'::regtype)
                THEN format('coalesce(octet_length(x.%I), 0)', c.name)
            ELSE format(
                'coalesce(CASE WHEN pg_column_size(x.%1$I) > 1048576 THEN octet_length(format(''%%s'', x.%1$I)) ELSE pg_column_size(x.%1$I) END, 0)',
                c.name
            )
        END, '::bigint + ') FILTER (WHERE c.is_carried) AS bytes,
        min(CASE
            WHEN t.typnamespace = 'pg_catalog'::regnamespace THEN format('x.%I::text', c.name)
            ELSE format('format(''%%s'', x.%I)', c.name)
        END) FILTER (WHERE c.is_org) AS org
    INTO v_columns
    FROM khala_internal.attached_columns(p_attachment) AS c
    INNER JOIN pg_type AS t ON c.type_id = t.oid;
    v_org := coalesce(CASE WHEN v_columns.org LIKE 'format(%' THEN 'nullif(' || v_columns.org || ', '''')' ELSE v_columns.org END, 'NULL::text');
    v_bytes := coalesce(v_columns.bytes || '::bigint', '0::bigint');
    v_payload := v_columns.payload;

    key_sql := v_keys.key_sql;
    -- LIMIT keeps the look-up from becoming a join by a plan that reads the whole table.
    v_from_keys := ' FROM unnest($1) WITH ORDINALITY AS k (doc_key, place) LEFT JOIN LATERAL (SELECT ' || key_sql || ' AS doc_key, ';
    v_lookup := ' FROM ' || v_from || ' WHERE ' || v_keys.found || ' LIMIT 1) AS r ON r.doc_key = k.doc_key COLLATE "C"';
    sizes_sql := 'SELECT array_agg(coalesce(r.bytes, 0) ORDER BY k.place)' || v_from_keys || v_bytes || ' AS bytes' || v_lookup;
    read_sql := 'SELECT array_agg(r.doc_key IS NOT NULL ORDER BY k.place) AS found, array_agg(r.org_id ORDER BY k.place) AS org_ids, array_agg(r.payload ORDER BY k.place) AS payloads'
        || v_from_keys || v_org || ' AS org_id, CASE WHEN ' || v_bytes || ' <= 16777216 THEN ' || v_payload || ' END AS payload' || v_lookup;
    first_keys_sql := format('SELECT ARRAY(SELECT %s FROM %s ORDER BY %s LIMIT $2)', key_sql, v_from, v_keys.in_order);
    next_keys_sql := format(
        'SELECT ARRAY(SELECT %s FROM (SELECT $1) AS k (doc_key), %s WHERE %s ORDER BY %s LIMIT $2)', key_sql, v_from,
        v_keys.later, v_keys.in_order
    );
END
$$;

COMMENT ON FUNCTION khala_internal.attached_statements(runtime.attachments) IS
'Internal: statements that read an attached table; all null when the table or a key column was dropped. Argument: the row of runtime.attachments. Result: expression of the document key for a row with the alias x; and statements for: bytes of the rows with the keys $1; whether they exist, their organisations and payloads (null beyond 16 MiB); the first $2 keys; the $2 keys after $1. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.attached_statements(runtime.attachments) FROM public;
