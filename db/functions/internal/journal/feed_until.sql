-- Where a page of the live feed ends: after so many watermarks, or where the bytes of their payloads are
-- too many, though never before the first.

CREATE OR REPLACE FUNCTION khala_internal.feed_until(
    p_topic text,
    p_after bigint,
    p_head_watermark bigint,
    p_max_updates integer,
    p_max_bytes integer
)
RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_until bigint := least(p_head_watermark, p_after + p_max_updates);
BEGIN
    IF v_until <= p_after + 1 THEN
        RETURN v_until;
    END IF;
    RETURN (
        SELECT max(m.watermark)
        FROM (
            SELECT j.watermark,
                sum(CASE WHEN j.payload IS NULL THEN 0 ELSE j.payload_bytes END
                    + octet_length(j.doc_key) + 256) OVER (ORDER BY j.watermark) AS bytes
            FROM runtime.sync_stream_events AS j
            WHERE j.topic = p_topic AND j.watermark > p_after AND j.watermark <= v_until
        ) AS m
        WHERE m.bytes <= p_max_bytes OR m.watermark = p_after + 1
    );
END
$$;

COMMENT ON FUNCTION khala_internal.feed_until(text, bigint, bigint, integer, integer) IS
'Internal: the last watermark of a page of the live feed. Arguments: the topic''s own name; cursor; head; most watermarks; most bytes. Result: a watermark; the cursor itself when it is at the head. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.feed_until(text, bigint, bigint, integer, integer) FROM public;
