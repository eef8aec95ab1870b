-- Claims updates for delivery: what is due, and then what is read on in the publisher's topics. At most one update of
-- a document is claimed at a time. What it carries: for the kind convex the document as it is now, for a webhook the
-- version that was written; where the journal does not have that any more (a pointer, or a purge) the document itself
-- if it has not changed since, else nothing.
--
-- Results of earlier deliveries come with the call, so that a worker needs one transaction for both.
--
-- A call ends with the document that reaches 16 MiB: a text that the server can build, and the worker can hold.
--
-- A claim says how long its delivery may be under way: a worker that takes over waits for it, or a later version could
-- arrive before this one. While the system is down, one update at a time is tried.

CREATE OR REPLACE FUNCTION khala.publisher_next(
    p_publisher text, p_limit integer DEFAULT 64, p_sleep boolean DEFAULT FALSE, p_lease interval DEFAULT '0',
    p_results jsonb DEFAULT NULL
)
RETURNS TABLE (state text, wait_s numeric, updates json)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := clock_timestamp();
    v_publisher runtime.publishers;
    v_compact boolean;
    v_most_bytes CONSTANT bigint := 16777216;
    v_limit integer := p_limit;
    v_due integer;
    v_topic record;
    v_taken record;
    v_at_head boolean := TRUE;
    v_found integer;
BEGIN
    IF coalesce(p_limit NOT BETWEEN 1 AND 10000, TRUE) THEN
        RAISE EXCEPTION 'p_limit is %', coalesce(p_limit::text, 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use 1 to 10000; the default is 64.';
    END IF;
    IF coalesce(p_lease NOT BETWEEN interval '0' AND interval '24 hours', TRUE) THEN
        RAISE EXCEPTION 'p_lease is %', coalesce(p_lease::text, 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use 0 seconds to 24 hours: the time limit of a delivery.';
    END IF;
    IF p_results IS NOT NULL THEN
        PERFORM khala.publisher_report(p_publisher, p_results);
    END IF;
    v_publisher := khala_internal.publisher_at_work(p_publisher);
    updates := '[]';
    IF v_publisher.paused THEN
        state := 'paused';
        RETURN NEXT;
        RETURN;
    END IF;
    v_compact := v_publisher.kind = 'convex';
    IF v_publisher.is_down THEN
        v_limit := 1;
        IF v_publisher.not_before > v_now OR EXISTS (
            SELECT FROM runtime.publisher_updates AS u WHERE u.publisher = p_publisher AND u.state = 'claimed'
        ) THEN
            state := 'down';
            wait_s := greatest(extract(EPOCH FROM v_publisher.not_before - v_now), 0);
            RETURN NEXT;
            RETURN;
        END IF;
    END IF;

    SELECT count(*) INTO v_due
    FROM (
        SELECT FROM runtime.publisher_updates AS u
        WHERE u.publisher = p_publisher AND u.state = 'ready' AND u.due_at <= v_now
        LIMIT v_limit
    ) AS d;
    IF v_due < v_limit THEN
        FOR v_topic IN
            SELECT t.topic FROM runtime.publisher_topics AS t WHERE t.publisher = p_publisher ORDER BY t.topic
        LOOP
            v_taken := khala_internal.take_updates(p_publisher, v_topic.topic, v_compact, p_limit);
            v_at_head := v_at_head AND v_taken.at_head;
        END LOOP;
        v_now := clock_timestamp();
    END IF;

    WITH due AS MATERIALIZED (
        -- Rows by their place: see khala.publisher_report.
        SELECT u.ctid AS place, u.topic, u.doc_key, u.watermark, u.doc_version, u.due_at, u.written_at, u.attempts
        FROM runtime.publisher_updates AS u
        WHERE u.publisher = p_publisher AND u.state = 'ready' AND u.due_at <= v_now
        ORDER BY u.due_at, u.watermark
        LIMIT v_limit
    ),
    found AS (
        SELECT
            due.place, due.topic, due.doc_key, due.written_at, due.attempts,
            t.epoch, t.target, t.delete_target,
            CASE WHEN v_compact THEN d.watermark ELSE due.watermark END AS now_watermark,
            CASE WHEN v_compact THEN d.doc_version ELSE due.doc_version END AS now_version,
            CASE
                WHEN v_compact OR (j.watermark IS NULL AND d.watermark = due.watermark) THEN d.deleted
                ELSE coalesce(j.deleted, FALSE)
            END AS gone,
            CASE WHEN v_compact OR j.watermark IS NULL THEN d.org_id ELSE j.org_id END AS org_id,
            -- As they are stored: those that do not fit are not read.
            j.payload AS journal_payload,
            CASE WHEN v_compact OR d.watermark = due.watermark THEN d.payload END AS document_payload,
            sum(CASE WHEN j.payload IS NULL THEN d.payload_bytes ELSE j.payload_bytes END) OVER (
                ORDER BY due.due_at, due.watermark ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS bytes_before
        FROM due
        INNER JOIN runtime.publisher_topics AS t ON t.publisher = p_publisher AND t.topic = due.topic
        LEFT JOIN runtime.sync_documents AS d ON d.topic = due.topic AND d.doc_key = due.doc_key
        LEFT JOIN runtime.sync_stream_events AS j
            ON NOT v_compact AND j.topic = due.topic AND j.watermark = due.watermark
                AND j.doc_key = due.doc_key AND j.doc_version = due.doc_version
    ),
    -- Without a document there is nothing to say: it went with an earlier epoch.
    dropped AS (
        DELETE FROM runtime.publisher_updates AS u
        USING found AS f
        WHERE u.ctid = f.place
            AND (f.now_watermark IS NULL OR (f.gone AND f.delete_target IS NULL))
        RETURNING u.topic, u.doc_key, f.now_watermark, f.now_version, u.attempts
    ),
    set_aside AS (
        INSERT INTO runtime.publisher_set_aside AS a (
            publisher, topic, doc_key, watermark, doc_version, deleted, attempts, reason
        )
        SELECT p_publisher, r.topic, r.doc_key, r.now_watermark, r.now_version, TRUE, r.attempts,
            'a tombstone, and the topic has no target for tombstones'
        FROM dropped AS r
        WHERE r.now_watermark IS NOT NULL
        ON CONFLICT (publisher, topic, doc_key, watermark) DO NOTHING
        RETURNING a.topic
    ),
    counted AS (
        UPDATE runtime.publisher_topics AS t SET refused = t.refused + s.updates
        FROM (SELECT a.topic, count(*) AS updates FROM set_aside AS a GROUP BY a.topic) AS s
        WHERE t.publisher = p_publisher AND t.topic = s.topic
    ),
    claimed AS (
        UPDATE runtime.publisher_updates AS u
        SET state = 'claimed', due_at = v_now + p_lease, watermark = f.now_watermark, doc_version = f.now_version, deleted = f.gone
        FROM found AS f
        WHERE u.ctid = f.place AND coalesce(f.bytes_before, 0) < v_most_bytes
            AND f.now_watermark IS NOT NULL AND NOT (f.gone AND f.delete_target IS NULL)
        RETURNING u.topic, u.doc_key, u.watermark, u.doc_version, u.deleted, u.attempts, u.written_at,
            f.org_id, f.epoch, f.journal_payload, f.document_payload, CASE WHEN f.gone THEN f.delete_target ELSE f.target END AS target
    )
    SELECT
        coalesce(json_agg(json_build_object(
            'topic', c.topic, 'doc_key', c.doc_key, 'watermark', c.watermark, 'doc_version', c.doc_version,
            'deleted', c.deleted, 'org_id', c.org_id, 'target', c.target,
            'attempts', greatest(c.attempts, CASE WHEN v_publisher.is_down THEN v_publisher.failures - 7 END),
            'written_at', khala_internal.iso_timestamp(c.written_at),
            -- The same at each try, in no other epoch, and without a full stop.
            'id', 'msg_' || left(encode(sha256(convert_to(
                json_build_array(p_publisher, c.epoch, c.topic, c.watermark)::text, 'UTF8'
            )), 'hex'), 32),
            'payload', CASE
                WHEN c.deleted THEN NULL
                WHEN c.journal_payload IS NOT NULL THEN c.journal_payload::json
                ELSE to_json(c.document_payload)
            END
        ) ORDER BY c.watermark), '[]'),
        (SELECT count(*) FROM due)
    INTO updates, v_found
    FROM claimed AS c;

    IF v_found > 0 OR NOT v_at_head THEN
        state := 'more';
        RETURN NEXT;
        RETURN;
    END IF;
    SELECT CASE WHEN count(*) > 0 THEN greatest(extract(EPOCH FROM min(u.due_at) - v_now), 0) END INTO wait_s
    FROM runtime.publisher_updates AS u
    WHERE u.publisher = p_publisher AND u.state = 'ready';
    state := 'idle';
    IF p_sleep THEN
        SELECT CASE WHEN bool_and(a.state = 'armed') THEN 'armed' ELSE 'busy' END INTO state
        FROM runtime.publisher_topics AS t
        INNER JOIN runtime.sync_topics AS s ON t.topic = s.topic
        CROSS JOIN LATERAL khala.arm(t.topic, t.cursor_watermark) AS a
        WHERE t.publisher = p_publisher;
        state := coalesce(state, 'armed');
    END IF;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION khala.publisher_next(text, integer, boolean, interval, jsonb) IS
'Claims updates of a publisher for delivery; khala.publisher_report ends each claim. Arguments: publisher; limit, of which 16 MiB of payloads may leave less; whether to ask for a notification on khala_sync when nothing is left; how long a delivery may be under way; results to report first, as khala.publisher_report has them, null for none. Result: state, more (call again when there is room), idle (nothing is due), armed (nothing is due, and a write will notify), busy (nothing is due, and a writer is at work: look again shortly), down (the system does not respond: wait) or paused; seconds until the next update is due, null for none; updates, an array of {topic, doc_key, watermark, doc_version, deleted, org_id, target, attempts, written_at, id, payload}: payload is null for a tombstone and where the version is not stored any more. Errors: KH007, KH008 another session is the worker.';
REVOKE ALL ON FUNCTION khala.publisher_next(text, integer, boolean, interval, jsonb) FROM public;
GRANT EXECUTE ON FUNCTION khala.publisher_next(text, integer, boolean, interval, jsonb) TO khala_publisher;
