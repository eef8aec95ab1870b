-- Age of a journal row by the database's clock. A relay measures the time from a write to the sockets with it,
-- without comparing its own clock with the database's.

CREATE OR REPLACE FUNCTION khala.event_age(p_topic text, p_watermark bigint)
RETURNS double precision
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT date_part('epoch', clock_timestamp() - e.inserted_at)
FROM runtime.sync_stream_events AS e
WHERE e.topic = p_topic AND e.watermark = p_watermark;
$$;

COMMENT ON FUNCTION khala.event_age(text, bigint) IS
'Age of an event. Arguments: the topic''s own name; watermark. Result: seconds since the row was inserted, shortly before its commit; null when the journal does not have it. Errors: none.';
REVOKE ALL ON FUNCTION khala.event_age(text, bigint) FROM public;
GRANT EXECUTE ON FUNCTION khala.event_age(text, bigint) TO khala_relay;
