-- Heads of the topics on which a relay sleeps, which it reads now and then in case a notification was lost; or of all
-- topics, one of which it then reads from its head, to prove that it can. It takes no lock that a writer would meet. In
-- PL/pgSQL because that keeps the plan.

CREATE OR REPLACE FUNCTION khala.head_watermarks(p_topics text[])
RETURNS TABLE (topic text, head_watermark bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT s.topic, s.head_watermark
    FROM runtime.sync_topic_sequences AS s
    WHERE p_topics IS NULL OR s.topic = ANY(p_topics);
END
$$;

COMMENT ON FUNCTION khala.head_watermarks(text[]) IS
'Heads of topics. Argument: their own names, or null for all topics. Result: one row for each topic that exists, with its head. Errors: none.';
REVOKE ALL ON FUNCTION khala.head_watermarks(text[]) FROM public;
GRANT EXECUTE ON FUNCTION khala.head_watermarks(text[]) TO khala_runtime, khala_relay, khala_dba;
