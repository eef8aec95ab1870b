-- Reads on in a topic for a publisher, and queues what it finds. A cursor that is stale (a purge has overtaken it, or
-- the epoch has changed), and a new publisher, begin with a snapshot: current documents, in key order, beside the
-- journal from the head on. A document that changes meanwhile is left to the journal, so that its versions stay in
-- order.
--
-- A purge that commits between the look at the floor and the read would hide a gap: the floor is looked at again
-- afterwards, and the cursor then stays where it is.

CREATE OR REPLACE FUNCTION khala_internal.take_updates(
    p_publisher text,
    p_topic text,
    p_compact boolean,
    p_limit integer,
    OUT queued integer,
    OUT at_head boolean
)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
DECLARE
    -- Where versions are left out, a look at a row costs little.
    v_window CONSTANT bigint := CASE WHEN p_compact THEN 5000 ELSE p_limit END;
    v_most_windows CONSTANT integer := 20;
    v_topic runtime.publisher_topics;
    v_before runtime.publisher_topics;
    v_head bigint;
    v_floor bigint;
    v_until bigint;
    v_reason text;
    v_page record;
    v_epoch text;
BEGIN
    queued := 0;
    at_head := TRUE;
    SELECT t.* INTO v_topic
    FROM runtime.publisher_topics AS t
    WHERE t.publisher = p_publisher AND t.topic = p_topic
    FOR NO KEY UPDATE;
    SELECT s.head_watermark, r.retention_floor INTO v_head, v_floor
    FROM runtime.sync_topic_sequences AS s
    INNER JOIN runtime.sync_topic_retention AS r ON s.topic = r.topic
    WHERE s.topic = p_topic;
    IF v_topic.topic IS NULL OR v_head IS NULL THEN
        RETURN;
    END IF;
    v_before := v_topic;
    v_epoch := coalesce(khala.current_epoch(), khala.ensure_epoch());

    v_reason := CASE
        WHEN v_topic.cursor_watermark IS NULL THEN 'new'
        ELSE khala_internal.stale_reason(v_topic.cursor_watermark, v_head, v_floor, v_topic.epoch, v_epoch)
    END;
    IF v_reason IS NOT NULL THEN
        IF v_reason = 'below_floor' THEN
            v_topic.overtaken := v_topic.overtaken + v_floor - 1 - v_topic.cursor_watermark;
        END IF;
        v_topic.epoch := v_epoch;
        v_topic.cursor_watermark := v_head;
        v_topic.snapshot_watermark := v_head;
        v_topic.snapshot_key := '';
        v_topic.resyncs := v_topic.resyncs + 1;
        v_topic.resync_reason := v_reason;
        v_topic.resynced_at := clock_timestamp();
        -- The snapshot has the current version of each.
        DELETE FROM runtime.publisher_updates AS u
        WHERE u.publisher = p_publisher AND u.topic = p_topic AND u.state <> 'claimed';
    END IF;

    FOR v_nth IN 1 .. v_most_windows LOOP
        IF v_topic.snapshot_key IS NOT NULL THEN
            -- A new publisher has delivered nothing that a tombstone could remove.
            SELECT array_agg(d.doc_key) AS doc_keys, array_agg(d.watermark) AS watermarks,
                array_agg(d.doc_version) AS doc_versions, count(*) AS documents, max(d.doc_key) AS last_key
            INTO v_page
            FROM (
                SELECT s.doc_key, s.watermark, s.doc_version
                FROM runtime.sync_documents AS s
                WHERE s.topic = p_topic AND s.doc_key > v_topic.snapshot_key
                    AND s.watermark <= v_topic.snapshot_watermark
                    AND NOT (s.deleted AND v_topic.resync_reason = 'new')
                ORDER BY s.doc_key
                LIMIT p_limit
            ) AS d;
            queued := queued + khala_internal.queue_updates(
                p_publisher, p_topic, p_compact, v_page.doc_keys, v_page.watermarks, v_page.doc_versions,
                array_fill(clock_timestamp(), ARRAY[v_page.documents::integer])
            );
            v_topic.snapshot_key := CASE WHEN v_page.documents = p_limit THEN v_page.last_key END;
        END IF;

        v_until := least(v_head, v_topic.cursor_watermark + v_window);
        IF v_until > v_topic.cursor_watermark THEN
            SELECT array_agg(j.doc_key) AS doc_keys, array_agg(j.watermark) AS watermarks,
                array_agg(j.doc_version) AS doc_versions, array_agg(j.inserted_at) AS written
            INTO v_page
            FROM runtime.sync_stream_events AS j
            WHERE j.topic = p_topic AND j.watermark > v_topic.cursor_watermark AND j.watermark <= v_until
                AND NOT (p_compact AND EXISTS (
                    SELECT FROM runtime.sync_documents AS d
                    WHERE d.topic = p_topic AND d.doc_key = j.doc_key AND d.watermark > j.watermark
                ));
            SELECT r.retention_floor INTO v_floor
            FROM runtime.sync_topic_retention AS r
            WHERE r.topic = p_topic;
            IF v_topic.cursor_watermark + 1 < v_floor THEN
                at_head := FALSE;
                EXIT;
            END IF;
            queued := queued + khala_internal.queue_updates(
                p_publisher, p_topic, p_compact, v_page.doc_keys, v_page.watermarks, v_page.doc_versions, v_page.written
            );
            v_topic.cursor_watermark := v_until;
        END IF;
        at_head := v_until = v_head AND v_topic.snapshot_key IS NULL;
        EXIT WHEN at_head OR queued >= p_limit;
    END LOOP;

    IF v_topic IS DISTINCT FROM v_before THEN
        UPDATE runtime.publisher_topics AS t
        SET epoch = v_topic.epoch, cursor_watermark = v_topic.cursor_watermark,
            snapshot_watermark = v_topic.snapshot_watermark, snapshot_key = v_topic.snapshot_key,
            resyncs = v_topic.resyncs, resync_reason = v_topic.resync_reason, resynced_at = v_topic.resynced_at,
            overtaken = v_topic.overtaken
        WHERE t.publisher = p_publisher AND t.topic = p_topic;
    END IF;
END
$$;

COMMENT ON FUNCTION khala_internal.take_updates(text, text, boolean, integer) IS
'Internal: reads on in a topic and queues its updates. Arguments: publisher; topic; whether only the latest version counts; about how many to queue. Result: number of rows queued; whether everything visible is queued. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.take_updates(text, text, boolean, integer) FROM public;
