-- Unique index that makes columns a key, and the operators by which it compares: other types than the built-in ones
-- have theirs in schemas that a search path need not have. An index with another collation than its column's finds no
-- row by the column.

CREATE OR REPLACE FUNCTION khala_internal.key_index(p_relation oid, p_columns smallint[])
RETURNS TABLE (index_id oid, column_number smallint, place integer, schema_name text, less text, equal text, greater text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET max_parallel_workers_per_gather = 0
AS $$
WITH chosen AS (
    SELECT i.indexrelid, i.indkey::smallint[] AS columns, i.indclass::oid[] AS classes, i.indnkeyatts
    FROM pg_index AS i
    INNER JOIN pg_class AS c ON i.indexrelid = c.oid
    INNER JOIN pg_am AS m ON c.relam = m.oid
    WHERE i.indrelid = p_relation AND i.indisunique AND i.indimmediate AND i.indisvalid AND m.amname = 'btree'
        AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indnkeyatts = cardinality(p_columns)
        AND (i.indkey::smallint[])[0:i.indnkeyatts - 1] @> p_columns
        AND NOT EXISTS (
            SELECT FROM unnest(i.indkey::smallint[], i.indcollation::oid[]) AS k (column_number, collation_id)
            INNER JOIN pg_attribute AS a ON a.attrelid = p_relation AND k.column_number = a.attnum
            WHERE k.collation_id <> a.attcollation
        )
    ORDER BY i.indisprimary DESC, i.indexrelid
    LIMIT 1
)
SELECT
    c.indexrelid, c.columns[p.place], p.place, n.nspname::text,
    max(o.oprname::text) FILTER (WHERE a.amopstrategy = 1),
    max(o.oprname::text) FILTER (WHERE a.amopstrategy = 3),
    max(o.oprname::text) FILTER (WHERE a.amopstrategy = 5)
FROM chosen AS c
CROSS JOIN LATERAL generate_series(0, c.indnkeyatts - 1) AS p (place)
INNER JOIN pg_opclass AS k ON c.classes[p.place] = k.oid
INNER JOIN pg_amop AS a
    ON k.opcfamily = a.amopfamily AND k.opcintype = a.amoplefttype AND k.opcintype = a.amoprighttype AND a.amoppurpose = 's'
INNER JOIN pg_operator AS o ON a.amopopr = o.oid
INNER JOIN pg_namespace AS n ON o.oprnamespace = n.oid
GROUP BY 1, 2, 3, 4
$$;

COMMENT ON FUNCTION khala_internal.key_index(oid, smallint[]) IS
'Internal: unique index that makes columns of a table a key. Arguments: the table; numbers of the columns. Result: for each column the index, the column''s number and place in it, from 0, the schema of its operators and their names; nothing without such an index. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.key_index(oid, smallint[]) FROM public;
