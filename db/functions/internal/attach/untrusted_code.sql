-- Code of others that reading a table would run with the rights of the reader. PostgreSQL evaluates immutable functions
-- of constants when it plans: those in policies, in indexes, in statistics and in the key of partitions. An expression
-- of the statements takes a cast that a type's owner made, and a value within an array, a range or a composite is
-- checked by its domain. Whoever may act as khala_owner gains nothing, so their functions, and those of superusers, are
-- let through. Checks of columns are not here: the readers set constraint_exclusion off.

CREATE OR REPLACE FUNCTION khala_internal.untrusted_code(p_relation oid)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
SET max_parallel_workers_per_gather = 0
SET jit = off
AS $$
WITH RECURSIVE parts AS (
    SELECT p_relation AS relid
    UNION
    SELECT t.relid::oid FROM pg_partition_tree(p_relation) AS t
),
types AS (
    SELECT a.atttypid AS type_id, FALSE AS is_within
    FROM pg_attribute AS a
    WHERE a.attrelid = p_relation AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid >= 16384
    UNION
    SELECT n.type_id, t.is_within OR n.is_within
    FROM types AS t
    INNER JOIN pg_type AS y ON t.type_id = y.oid
    CROSS JOIN LATERAL (
        SELECT y.typbasetype AS type_id, FALSE AS is_within WHERE y.typtype = 'd'
        UNION ALL
        SELECT y.typelem, TRUE WHERE y.typelem <> 0
        UNION ALL
        SELECT r.rngsubtype, TRUE FROM pg_range AS r WHERE r.rngtypid = y.oid OR r.rngmultitypid = y.oid
        UNION ALL
        SELECT m.atttypid, TRUE FROM pg_attribute AS m WHERE m.attrelid = y.typrelid AND m.attnum > 0 AND NOT m.attisdropped
    ) AS n
    WHERE n.type_id >= 16384
),
objects AS (
    SELECT 'pg_policy'::regclass AS class, p.oid, 'policy ' || quote_ident(p.polname) AS name, TRUE AS is_planned
    FROM pg_policy AS p WHERE p.polrelid IN (SELECT r.relid FROM parts AS r)
    UNION ALL
    SELECT 'pg_class'::regclass, i.indexrelid, 'index ' || i.indexrelid::regclass, TRUE
    FROM pg_index AS i WHERE i.indrelid IN (SELECT r.relid FROM parts AS r)
    UNION ALL
    SELECT 'pg_class'::regclass, k.partrelid, 'the key of the partitions of ' || k.partrelid::regclass, TRUE
    FROM pg_partitioned_table AS k WHERE k.partrelid IN (SELECT r.relid FROM parts AS r)
    UNION ALL
    SELECT 'pg_statistic_ext'::regclass, s.oid, 'statistics ' || quote_ident(s.stxname), TRUE
    FROM pg_statistic_ext AS s WHERE s.stxrelid IN (SELECT r.relid FROM parts AS r)
    UNION ALL
    SELECT 'pg_constraint'::regclass, c.oid, 'domain ' || c.contypid::regtype, FALSE
    FROM types AS t INNER JOIN pg_constraint AS c ON t.type_id = c.contypid WHERE t.is_within
),
code AS (
    SELECT o.name, o.is_planned, coalesce(p.oprcode::oid, d.refobjid) AS function_id
    FROM objects AS o
    INNER JOIN pg_depend AS d ON o.class = d.classid AND o.oid = d.objid
    LEFT JOIN pg_operator AS p ON d.refclassid = 'pg_operator'::regclass AND d.refobjid = p.oid
    WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
    UNION ALL
    SELECT format('the cast from %s to %s', c.castsource::regtype, c.casttarget::regtype), FALSE, c.castfunc
    FROM types AS t
    INNER JOIN pg_cast AS c ON t.type_id IN (c.castsource, c.casttarget)
    WHERE c.castfunc <> 0
)
SELECT format('%s calls %s of %s', c.name, f.oid::regprocedure, f.proowner::regrole)
FROM code AS c
INNER JOIN pg_proc AS f ON c.function_id = f.oid
WHERE (f.provolatile = 'i' OR NOT c.is_planned) AND NOT pg_has_role(f.proowner, 'khala_owner', 'MEMBER')
ORDER BY 1
LIMIT 1
$$;

COMMENT ON FUNCTION khala_internal.untrusted_code(oid) IS
'Internal: code that reading a table would run with the rights of the reader, of a role that may not act as khala_owner. Argument: the table. Result: where a function is called, which and of whom; null without any. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.untrusted_code(oid) FROM public;
