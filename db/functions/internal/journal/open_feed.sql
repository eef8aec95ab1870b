-- Bounds of a page of the live feed, in either format. Checks the cursor, and ends the page after the requested
-- number of watermarks, or where the bytes of their payloads exceed the limit, but not before the first one.

CREATE OR REPLACE FUNCTION khala_internal.open_feed(
    p_topic text,
    p_after bigint,
    p_max_updates integer,
    p_max_bytes integer,
    p_epoch text,
    OUT topic text,
    OUT after bigint,
    OUT until bigint,
    OUT head_watermark bigint
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_cursor record;
    v_until bigint;
BEGIN
    PERFORM khala_internal.check_page_limits(p_max_updates, p_max_bytes);
    v_cursor := khala_internal.open_cursor(p_topic, p_after, p_epoch);
    topic := v_cursor.topic;
    after := v_cursor.after;
    head_watermark := v_cursor.head_watermark;
    v_until := least(v_cursor.head_watermark, v_cursor.after + p_max_updates);
    IF v_until > v_cursor.after + 1 THEN
        SELECT max(m.watermark) INTO v_until
        FROM (
            SELECT j.watermark,
                sum(khala_internal.row_bytes(j.doc_key, CASE WHEN j.payload IS NOT NULL THEN j.payload_bytes END))
                    OVER (ORDER BY j.watermark) AS bytes
            FROM runtime.sync_stream_events AS j
            WHERE j.topic = v_cursor.topic AND j.watermark > v_cursor.after AND j.watermark <= v_until
        ) AS m
        WHERE m.bytes <= p_max_bytes OR m.watermark = v_cursor.after + 1;
    END IF;
    until := v_until;
END
$$;

COMMENT ON FUNCTION khala_internal.open_feed(text, bigint, integer, integer, text) IS
'Internal: bounds of a page of the live feed. Arguments: as khala.replay_feed. Result: the topic''s own name; cursor; last watermark, equal to the cursor at the head; head. Errors: as khala.replay_feed.';
REVOKE ALL ON FUNCTION khala_internal.open_feed(text, bigint, integer, integer, text) FROM public;
