-- JSON Schemas of topics: the one that was set, else that of the attached table. Rows of a table may have been written
-- with other columns: khala.attachment_drift says so.

CREATE OR REPLACE FUNCTION khala.topic_schemas(p_topics text[] DEFAULT NULL)
RETURNS TABLE (topic text, source text, schema json, is_checked boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_unknown text;
BEGIN
    SELECT n.name INTO v_unknown
    FROM unnest(p_topics) AS n (name)
    WHERE NOT EXISTS (SELECT FROM runtime.sync_topics AS t WHERE t.topic = n.name)
    LIMIT 1;
    IF FOUND THEN
        PERFORM khala_internal.refuse_topic(v_unknown);
    END IF;
    RETURN QUERY
    SELECT s.topic, s.source, s.schema, s.is_checked
    FROM (
        SELECT
            t.topic, CASE WHEN t.json_schema IS NULL THEN 'table' ELSE 'schema' END AS source,
            coalesce(t.json_schema, khala_internal.attached_schema(a)) AS schema, t.checked_schema IS NOT NULL AS is_checked
        FROM runtime.sync_topics AS t
        LEFT JOIN runtime.attachments AS a ON t.topic = a.topic
        WHERE (p_topics IS NULL OR t.topic = ANY(p_topics)) AND (t.json_schema IS NOT NULL OR a.topic IS NOT NULL)
    ) AS s
    WHERE s.schema IS NOT NULL
    ORDER BY s.topic COLLATE "C";
END
$$;

COMMENT ON FUNCTION khala.topic_schemas(text[]) IS
'JSON Schemas of the payloads of topics. Argument: topics, null for all. Result: per topic that has one: topic; source, schema (set by khala.set_topic_schema) or table (the columns of the attached table); the schema; whether writes are checked against it. Errors: KH001.';
REVOKE ALL ON FUNCTION khala.topic_schemas(text[]) FROM public;
GRANT EXECUTE ON FUNCTION khala.topic_schemas(text[]) TO khala_dba;
