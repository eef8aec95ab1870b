-- Columns of an attached table as it is now, beside those that were recorded when it was attached. A recorded column
-- is the one that has its name; if none has, it was renamed and is the one with its number. (A dump that is restored
-- keeps names, not numbers.)

CREATE OR REPLACE FUNCTION khala_internal.attached_columns(p_attachment runtime.attachments)
RETURNS TABLE (
    recorded_name text, recorded_type text, name text, type_id oid, type text, key_place integer, is_org boolean, is_carried boolean,
    place smallint
)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
SET max_parallel_workers_per_gather = 0
AS $$
WITH recorded AS (
    SELECT r.name, r.number, r.type
    FROM jsonb_to_recordset(p_attachment.recorded) AS r (name text, number smallint, type text)
),
present AS (
    SELECT a.attnum, a.attname::text, a.atttypid, format_type(a.atttypid, a.atttypmod) AS type
    FROM pg_attribute AS a
    WHERE a.attrelid = p_attachment.relation AND a.attnum > 0 AND NOT a.attisdropped
),
matched AS (
    SELECT
        r.name, r.type, coalesce(
            (SELECT p.attnum FROM present AS p WHERE p.attname = r.name),
            (
                SELECT p.attnum FROM present AS p
                WHERE p.attnum = r.number AND NOT EXISTS (SELECT FROM recorded AS o WHERE o.name = p.attname)
            )
        ) AS attnum
    FROM recorded AS r
)
SELECT
    m.name, m.type, p.attname, p.atttypid, p.type,
    array_position(p_attachment.key_columns, m.name),
    coalesce(m.name = p_attachment.org_column, FALSE),
    p.attnum IS NOT NULL AND (p_attachment.columns IS NULL OR coalesce(m.name = ANY(p_attachment.columns), FALSE)),
    p.attnum
FROM matched AS m
FULL JOIN present AS p ON m.attnum = p.attnum
$$;

COMMENT ON FUNCTION khala_internal.attached_columns(runtime.attachments) IS
'Internal: columns of an attached table. Argument: the row of runtime.attachments. Result: each column with its recorded name and type (null if it was added since) and its current name, type and number (null if it was dropped), place in the document key, whether it names the organisation, and whether documents have it. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.attached_columns(runtime.attachments) FROM public;
