-- Ends claims: delivered updates leave the queue, refused ones are set aside, failed ones are due again later. The
-- next update of the same document, if one is held, is then due.

CREATE OR REPLACE FUNCTION khala.publisher_report(p_publisher text, p_results jsonb)
RETURNS TABLE (delivered integer, failed integer, refused integer)
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
    v_count record;
    v_alive boolean;
BEGIN
    IF jsonb_typeof(p_results) IS DISTINCT FROM 'array' OR jsonb_array_length(p_results) > 10000 OR EXISTS (
        SELECT FROM jsonb_array_elements(p_results) AS e
        WHERE (
            jsonb_typeof(e) = 'object' AND jsonb_typeof(e -> 'topic') = 'string' AND jsonb_typeof(e -> 'doc_key') = 'string'
            AND e -> 'watermark' BETWEEN '0' AND '9223372036854775807' AND e ->> 'watermark' ~ '^[0-9]+$'
            AND e ->> 'outcome' IN ('delivered', 'failed', 'refused')
            AND (e ->> 'outcome' <> 'failed' OR jsonb_typeof(e -> 'retry_s') = 'number')
            AND (e ->> 'outcome' = 'delivered' OR jsonb_typeof(e -> 'error') = 'string')
        ) IS NOT TRUE
    ) THEN
        RAISE EXCEPTION 'p_results is not an array of at most 10000 results'
            USING ERRCODE = 'KH007',
                HINT = 'Each is {topic, doc_key, watermark, outcome}: delivered, refused with error, or failed with error and retry_s.';
    END IF;
    -- First, as khala.remove_publisher does.
    PERFORM FROM runtime.publishers AS p WHERE p.publisher = p_publisher FOR NO KEY UPDATE;
    v_publisher := khala_internal.publisher_at_work(p_publisher);

    WITH results AS MATERIALIZED (
        SELECT r.topic, r.doc_key, r.watermark, r.outcome, left(r.error, 1000) AS error,
            v_now + make_interval(secs => round(least(greatest(r.retry_s, 0), 86400), 3)::double precision) AS due_at,
            c.place
        FROM jsonb_to_recordset(p_results) AS r (
            topic text, doc_key text, watermark bigint, outcome text, error text, retry_s numeric
        )
        -- A look-up each, and the rows by their place: of a table without statistics the planner expects one row, and
        -- compared each row with each result.
        CROSS JOIN LATERAL (
            SELECT q.ctid AS place
            FROM runtime.publisher_updates AS q
            WHERE q.publisher = p_publisher AND q.topic = r.topic AND q.doc_key = r.doc_key
                AND q.watermark = r.watermark AND q.state = 'claimed'
            OFFSET 0
        ) AS c
    ),
    ended AS (
        DELETE FROM runtime.publisher_updates AS u
        USING results AS r
        WHERE u.ctid = r.place AND r.outcome <> 'failed'
        RETURNING u.topic, u.doc_key, u.watermark, u.doc_version, u.deleted, u.attempts + 1 AS attempts, r.outcome, r.error
    ),
    aside AS (
        INSERT INTO runtime.publisher_set_aside AS a (
            publisher, topic, doc_key, watermark, doc_version, deleted, attempts, reason
        )
        SELECT p_publisher, e.topic, e.doc_key, e.watermark, e.doc_version, e.deleted, e.attempts, e.error
        FROM ended AS e
        INNER JOIN runtime.publisher_topics AS t ON t.publisher = p_publisher AND t.topic = e.topic
        WHERE e.outcome = 'refused'
        ON CONFLICT (publisher, topic, doc_key, watermark) DO UPDATE SET
            attempts = excluded.attempts, reason = excluded.reason, set_aside_at = excluded.set_aside_at
    ),
    repeated AS (
        UPDATE runtime.publisher_updates AS u
        SET state = 'ready', attempts = u.attempts + 1, due_at = r.due_at, error = r.error
        FROM results AS r
        WHERE u.ctid = r.place AND r.outcome = 'failed'
        RETURNING u.topic, u.doc_key, u.watermark, u.attempts, u.due_at, u.error
    ),
    changes AS (
        SELECT e.topic, e.outcome FROM ended AS e
        UNION ALL
        SELECT r.topic, 'failed' FROM repeated AS r
    ),
    counted AS (
        UPDATE runtime.publisher_topics AS t
        SET delivered = t.delivered + s.delivered, failed = t.failed + s.failed, refused = t.refused + s.refused
        FROM (
            SELECT c.topic,
                count(*) FILTER (WHERE c.outcome = 'delivered') AS delivered,
                count(*) FILTER (WHERE c.outcome = 'failed') AS failed,
                count(*) FILTER (WHERE c.outcome = 'refused') AS refused
            FROM changes AS c
            GROUP BY c.topic
        ) AS s
        WHERE t.publisher = p_publisher AND t.topic = s.topic
    )
    SELECT
        (SELECT count(*) FROM ended AS e WHERE e.outcome = 'delivered') AS delivered,
        (SELECT count(*) FROM ended AS e WHERE e.outcome = 'refused') AS refused,
        count(*) AS failed,
        count(*) FILTER (WHERE r.attempts = 1 OR v_publisher.is_down) AS failures,
        max(r.due_at) AS not_before,
        coalesce((SELECT max(e.error) FROM ended AS e WHERE e.outcome = 'refused'), max(r.error)) AS error
    INTO v_count
    FROM repeated AS r;

    -- Separate statements: one statement does not see what another part of it changed.
    IF v_publisher.kind = 'convex' AND v_count.failed > 0 THEN
        DELETE FROM runtime.publisher_updates AS u
        USING jsonb_to_recordset(p_results) AS r (topic text, doc_key text, outcome text)
        CROSS JOIN LATERAL (
            SELECT q.ctid AS place
            FROM runtime.publisher_updates AS q
            WHERE q.publisher = p_publisher AND q.topic = r.topic AND q.doc_key = r.doc_key AND q.state = 'held'
            OFFSET 0
        ) AS h
        -- Behind a claim that this result did not end, what is held is the only sign of a later version.
        WHERE u.ctid = h.place AND r.outcome = 'failed' AND EXISTS (
            SELECT FROM runtime.publisher_updates AS f
            WHERE f.publisher = p_publisher AND f.topic = r.topic AND f.doc_key = r.doc_key AND f.state = 'ready'
            OFFSET 0
        );
    END IF;
    UPDATE runtime.publisher_updates AS u
    SET state = 'ready', due_at = v_now
    FROM (
        SELECT h.place
        FROM jsonb_to_recordset(p_results) AS r (topic text, doc_key text, outcome text)
        CROSS JOIN LATERAL (
            SELECT q.ctid AS place
            FROM runtime.publisher_updates AS q
            WHERE q.publisher = p_publisher AND q.topic = r.topic AND q.doc_key = r.doc_key
            ORDER BY q.watermark
            LIMIT 1
        ) AS h
        WHERE r.outcome <> 'failed' AND NOT EXISTS (
            SELECT FROM runtime.publisher_updates AS f
            WHERE f.publisher = p_publisher AND f.topic = r.topic AND f.doc_key = r.doc_key AND f.state <> 'held'
            OFFSET 0
        )
    ) AS n
    WHERE u.ctid = n.place;

    v_alive := v_count.delivered + v_count.refused > 0;
    UPDATE runtime.publishers AS p
    -- Those under way at the same time are one try of a system that is down.
    SET failures = CASE
            WHEN v_alive THEN 0
            WHEN v_publisher.is_down THEN p.failures + least(v_count.failures, 1)
            ELSE least(p.failures + v_count.failures, 8)
        END,
        not_before = CASE WHEN NOT v_alive THEN greatest(p.not_before, v_count.not_before) END,
        last_delivery_at = CASE WHEN v_count.delivered > 0 THEN v_now ELSE p.last_delivery_at END,
        last_error_at = CASE WHEN v_count.error IS NOT NULL THEN v_now ELSE p.last_error_at END,
        last_error = coalesce(v_count.error, p.last_error)
    WHERE p.publisher = p_publisher AND v_count.delivered + v_count.refused + v_count.failed > 0;
    delivered := v_count.delivered;
    failed := v_count.failed;
    refused := v_count.refused;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION khala.publisher_report(text, jsonb) IS
'Ends claims of a publisher. Arguments: publisher; array of at most 10000 {topic, doc_key, watermark, outcome}: delivered; refused with error, for good: set aside; failed with error and retry_s, the seconds until the next try. A result without a claim is ignored. Result: number of claims ended each way. Errors: KH007, KH008 another session is the worker.';
REVOKE ALL ON FUNCTION khala.publisher_report(text, jsonb) FROM public;
GRANT EXECUTE ON FUNCTION khala.publisher_report(text, jsonb) TO khala_publisher;
