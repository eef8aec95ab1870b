-- What a relay asks now and then about all topics on which it sleeps, in case a notification was lost: a look
-- at their rows, without a lock that a writer would meet. In PL/pgSQL because that keeps the plan.

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
    WHERE s.topic = ANY(p_topics);
END
$$;

COMMENT ON FUNCTION khala.head_watermarks(text[]) IS
'The heads of topics. Argument: their own names. Result: a row for each that is there, its head. Errors: none.';
REVOKE ALL ON FUNCTION khala.head_watermarks(text[]) FROM public;
GRANT EXECUTE ON FUNCTION khala.head_watermarks(text[]) TO khala_relay;
