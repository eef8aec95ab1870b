-- Differences between an attached table as it is and as it was attached, as sentences for an operator. Changes of rows
-- are followed meanwhile; khala.attach, called again, makes all documents anew.

CREATE OR REPLACE FUNCTION khala.attachment_drift(p_topic text)
RETURNS text[]
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
SET max_parallel_workers_per_gather = 0
AS $$
WITH attachment AS (
    SELECT a.relation, a.partitions, a AS whole FROM runtime.attachments AS a WHERE a.topic = p_topic
),
relation AS (
    SELECT c.oid, c.relkind, c.relrowsecurity, c.relnamespace
    FROM attachment AS a INNER JOIN pg_class AS c ON a.relation = c.oid
),
columns AS (
    SELECT c.*
    FROM attachment AS a
    INNER JOIN relation AS r ON a.relation = r.oid
    CROSS JOIN khala_internal.attached_columns(a.whole) AS c
),
parts AS (
    SELECT t.relid FROM relation AS r CROSS JOIN LATERAL pg_partition_tree(r.oid) AS t WHERE t.relid <> r.oid
),
triggers AS (
    SELECT t.tgrelid, t.tgname, t.tgenabled FROM pg_trigger AS t
    WHERE t.tgfoid = 'khala.attached_change()'::regprocedure
),
wanted AS (
    SELECT w.relid, n.name, w.place, CASE WHEN n.name = 'khala_row' AND w.is_parent THEN 'A' ELSE n.state END AS state
    FROM (
        SELECT r.oid AS relid, '' AS place, r.relkind = 'p' AS is_parent FROM relation AS r
        UNION ALL
        SELECT p.relid, ' of partition ' || p.relid::regclass, FALSE
        FROM attachment AS a INNER JOIN parts AS p ON p.relid = ANY(a.partitions)
    ) AS w
    CROSS JOIN (
        VALUES ('khala_insert', 'O'), ('khala_update', 'O'), ('khala_delete', 'O'), ('khala_truncate', 'A'), ('khala_row', 'R')
    ) AS n (name, state)
),
found AS (
    SELECT 1 AS rank, 'the table was dropped' AS sentence
    FROM attachment AS a WHERE NOT EXISTS (SELECT FROM relation)
    UNION ALL
    SELECT 1, 'the table became a view' FROM relation AS r WHERE r.relkind NOT IN ('r', 'p')
    UNION ALL
    SELECT 2, 'trigger ' || w.name || w.place || CASE
        WHEN t.tgenabled <> 'D' THEN ' is not enabled as khala attach does it: changes may be missed'
        ELSE ' is missing or disabled'
    END
    FROM wanted AS w
    LEFT JOIN triggers AS t ON w.relid = t.tgrelid AND w.name = t.tgname
    WHERE (t.tgenabled::text = w.state) IS NOT TRUE
    UNION ALL
    SELECT 3, 'khala_owner may not read the table'
    FROM relation AS r
    WHERE NOT (has_table_privilege('khala_owner', r.oid, 'SELECT') AND has_schema_privilege('khala_owner', r.relnamespace, 'USAGE'))
    UNION ALL
    SELECT 4, 'row security hides rows: its policy khala_attach is missing or for others, or a restrictive policy is for khala_owner'
    FROM relation AS r
    WHERE r.relrowsecurity AND khala_internal.hides_rows(r.oid)
    UNION ALL
    SELECT 4, 'reading is refused, because it would run code with the rights of khala_owner: ' || u.code
    FROM attachment AS a
    INNER JOIN relation AS r ON a.relation = r.oid
    CROSS JOIN LATERAL khala_internal.untrusted_code(r.oid) AS u (code)
    WHERE NOT (a.whole).is_trusted AND u.code IS NOT NULL
    UNION ALL
    SELECT 5, 'the unique index of the key is gone'
    FROM relation AS r
    WHERE NOT EXISTS (
        SELECT FROM khala_internal.key_index(r.oid, (SELECT array_agg(c.place) FROM columns AS c WHERE c.key_place IS NOT NULL))
    )
    UNION ALL
    SELECT 5, 'key column ' || c.name || ' may be null: rows without it have no documents'
    FROM relation AS r INNER JOIN columns AS c ON c.key_place IS NOT NULL AND khala_internal.may_be_null(r.oid, c.place)
    UNION ALL
    SELECT 6, CASE
        WHEN c.name IS NULL THEN
            CASE
                WHEN c.key_place IS NOT NULL THEN 'key column ' || c.recorded_name || ' was dropped: changes are no longer followed'
                WHEN c.is_org THEN 'organisation column ' || c.recorded_name || ' was dropped'
                ELSE 'column ' || c.recorded_name || ' was dropped'
            END
        WHEN c.recorded_name IS NULL THEN 'column ' || c.name || ' was added'
        WHEN c.name <> c.recorded_name THEN 'column ' || c.recorded_name || ' was renamed to ' || c.name
        ELSE 'column ' || c.name || ' changed its type from ' || c.recorded_type || ' to ' || c.type
    END
    FROM columns AS c
    WHERE (c.is_carried OR c.key_place IS NOT NULL OR c.is_org OR c.name IS NULL)
        AND (c.name IS NULL OR c.recorded_name IS NULL OR (c.name, c.type) <> (c.recorded_name, c.recorded_type))
    UNION ALL
    SELECT 7, 'partition ' || p.relid::regclass || ' came later: each of its rows is staged by itself, rows that it brought are missing, and a TRUNCATE that names it is missed'
    FROM attachment AS a CROSS JOIN parts AS p WHERE p.relid <> ALL(a.partitions)
    UNION ALL
    SELECT 8, count(*) || ' partitions are gone: documents of their rows are still there'
    FROM attachment AS a
    INNER JOIN relation AS r ON a.relation = r.oid
    CROSS JOIN unnest(a.partitions) AS o (relid)
    WHERE NOT EXISTS (SELECT FROM parts AS p WHERE p.relid = o.relid)
    HAVING count(*) > 0
    UNION ALL
    SELECT 9, 'table ' || i.inhrelid::regclass || ' inherits from it: its rows have no documents'
    FROM relation AS r
    INNER JOIN pg_inherits AS i ON r.oid = i.inhparent
    WHERE i.inhrelid NOT IN (SELECT p.relid FROM parts AS p)
)
SELECT coalesce(array_agg(f.sentence ORDER BY f.rank, f.sentence), '{}') FROM found AS f
$$;

COMMENT ON FUNCTION khala.attachment_drift(text) IS
'Differences between an attached table as it is and as it was attached; khala.attachments shows them too. Argument: topic. Result: sentences, none without a difference or an attachment. Errors: none.';
REVOKE ALL ON FUNCTION khala.attachment_drift(text) FROM public;
GRANT EXECUTE ON FUNCTION khala.attachment_drift(text) TO khala_dba;
