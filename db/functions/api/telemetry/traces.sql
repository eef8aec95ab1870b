-- Traces of the events in a page of the live feed, with their age by the database's clock. A relay adds its spans
-- with it, without comparing its own clock with the database's.

CREATE OR REPLACE FUNCTION khala.traces(
    p_topic text,
    p_after bigint,
    p_until bigint,
    p_limit integer DEFAULT 100
)
RETURNS TABLE (
    traceparent text,
    first_watermark bigint,
    last_watermark bigint,
    updates bigint,
    age_s double precision
)
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- As for the pages themselves: no statistics make another plan better than the primary key.
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
SELECT e.traceparent, min(e.watermark), max(e.watermark), count(*),
    date_part('epoch', clock_timestamp() - min(e.inserted_at))
FROM runtime.sync_stream_events AS e
WHERE e.topic = p_topic AND e.watermark > p_after AND e.watermark <= p_until AND e.traceparent IS NOT NULL
GROUP BY e.traceparent
ORDER BY min(e.watermark)
LIMIT p_limit;
$$;

COMMENT ON FUNCTION khala.traces(text, bigint, bigint, integer) IS
'Traces that events belong to. Arguments: the topic''s own name; watermark before the first event; last watermark; maximum number of traces. Result: per traceparent its first and last watermark, number of events, and age of the first in seconds, in the order of watermarks. Errors: none.';
REVOKE ALL ON FUNCTION khala.traces(text, bigint, bigint, integer) FROM public;
GRANT EXECUTE ON FUNCTION khala.traces(text, bigint, bigint, integer) TO khala_relay;
