-- A relay that has caught up asks to be woken. The flag stands in the row that every writer of the topic
-- locks from allocation to commit, so it cannot be set between a writer's look at it and that writer's
-- commit. A row that a writer holds is not waited for: the relay polls that topic a little longer.

CREATE OR REPLACE FUNCTION khala.arm(p_topics text[], p_seen bigint[])
RETURNS TABLE (topic text, head_watermark bigint, state text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- Planning takes longer than the rest.
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    v_unknown text[];
BEGIN
    IF array_ndims(p_topics) > 1 OR array_ndims(p_seen) > 1
        OR coalesce(cardinality(p_topics), 0) <> coalesce(cardinality(p_seen), 0)
        OR array_position(p_topics, NULL) IS NOT NULL OR array_position(p_seen, NULL) IS NOT NULL
    THEN
        RAISE EXCEPTION 'every topic needs the watermark seen of it'
            USING ERRCODE = 'KH007', HINT = 'Pass two arrays of the same length without nulls.';
    END IF;
    SELECT array_agg(a.name) INTO v_unknown
    FROM unnest(p_topics) AS a (name)
    WHERE NOT EXISTS (SELECT FROM runtime.sync_topics AS t WHERE a.name IN (t.topic, t.enum_name));
    IF v_unknown IS NOT NULL THEN
        PERFORM khala_internal.refuse_topic(VARIADIC v_unknown);
    END IF;
    RETURN QUERY
    WITH asked AS (
        SELECT a.name, a.seen, t.topic
        FROM unnest(p_topics, p_seen) AS a (name, seen)
        INNER JOIN runtime.sync_topics AS t ON a.name IN (t.topic, t.enum_name)
    ),
    free AS MATERIALIZED (
        SELECT s.topic, s.head_watermark, s.armed
        FROM runtime.sync_topic_sequences AS s
        WHERE s.topic IN (SELECT a.topic FROM asked AS a)
        ORDER BY s.topic
        FOR NO KEY UPDATE SKIP LOCKED
    ),
    armed AS (
        UPDATE runtime.sync_topic_sequences AS s
        SET armed = TRUE
        FROM free AS f
        WHERE s.topic = f.topic AND NOT f.armed
            AND EXISTS (SELECT FROM asked AS a WHERE a.topic = f.topic AND a.seen >= f.head_watermark)
    )
    SELECT a.name, coalesce(f.head_watermark, s.head_watermark),
        CASE
            WHEN f.topic IS NULL THEN 'busy'
            WHEN a.seen < f.head_watermark THEN 'moved'
            ELSE 'armed'
        END
    FROM asked AS a
    INNER JOIN runtime.sync_topic_sequences AS s ON a.topic = s.topic
    LEFT JOIN free AS f ON a.topic = f.topic;
END
$$;

COMMENT ON FUNCTION khala.arm(text[], bigint[]) IS
'Asks for a notification at the next write. Arguments: topics, either name; the watermark seen of each. Result: per topic its head and state: armed (sleep), moved (the head is beyond what was seen: look now) or busy (a writer holds it: look again shortly). Errors: KH001, KH007.';
REVOKE ALL ON FUNCTION khala.arm(text[], bigint[]) FROM public;
GRANT EXECUTE ON FUNCTION khala.arm(text[], bigint[]) TO khala_relay;
