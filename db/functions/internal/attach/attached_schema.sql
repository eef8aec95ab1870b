-- JSON Schema of the documents of an attached table, from its columns as they are now. A column of a domain may be null
-- even if the domain may not: PostgreSQL lets a subquery without a row through.

CREATE OR REPLACE FUNCTION khala_internal.attached_schema(p_attachment runtime.attachments)
RETURNS json
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
SET max_parallel_workers_per_gather = 0
AS $$
SELECT khala_internal.object_schema(
    array_agg(c.name ORDER BY c.place),
    array_agg(
        (
            SELECT json_object_agg(m.key, m.value ORDER BY m.place)
            FROM (
                SELECT 'description' AS key, to_json(c.type) AS value, 0 AS place
                UNION ALL
                SELECT s.key, s.value, s.place
                FROM json_each(khala_internal.wider_schema(
                    r.schema, r.may_be_string, khala_internal.may_be_null(a.attrelid, a.attnum)
                )) WITH ORDINALITY AS s (key, value, place)
            ) AS m
        )
        ORDER BY c.place
    )
)
FROM khala_internal.attached_columns(p_attachment) AS c
INNER JOIN pg_attribute AS a ON a.attrelid = p_attachment.relation AND c.place = a.attnum
CROSS JOIN LATERAL khala_internal.json_rule('x', c.type_id, greatest(a.attndims, 1)) AS r
WHERE c.is_carried
HAVING count(*) > 0
$$;

COMMENT ON FUNCTION khala_internal.attached_schema(runtime.attachments) IS
'Internal: JSON Schema of the documents of an attached table. Argument: the row of runtime.attachments. Result: a schema; null when the table was dropped. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.attached_schema(runtime.attachments) FROM public;
