-- Queues updates of a topic for a publisher, each behind earlier ones of its document. Where only the latest version
-- counts, an update that waits stands for all later ones, because the document is read when it is claimed.

CREATE OR REPLACE FUNCTION khala_internal.queue_updates(
    p_publisher text,
    p_topic text,
    p_compact boolean,
    p_doc_keys text[],
    p_watermarks bigint[],
    p_doc_versions bigint[],
    p_written timestamptz[]
)
RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    v_queued integer;
BEGIN
    INSERT INTO runtime.publisher_updates AS q (
        publisher, topic, doc_key, watermark, doc_version, due_at, written_at, state
    )
    SELECT
        p_publisher, p_topic, i.doc_key, i.watermark, i.doc_version, now(), i.written_at,
        CASE
            WHEN (i.place > 1 AND NOT p_compact) OR EXISTS (
                SELECT FROM runtime.publisher_updates AS u
                WHERE u.publisher = p_publisher AND u.topic = p_topic AND u.doc_key = i.doc_key
            ) THEN 'held'
            ELSE 'ready'
        END
    FROM (
        SELECT n.*,
            row_number() OVER (PARTITION BY n.doc_key ORDER BY n.watermark) AS place,
            count(*) OVER (PARTITION BY n.doc_key) AS versions
        FROM unnest(p_doc_keys, p_watermarks, p_doc_versions, p_written) AS n (doc_key, watermark, doc_version, written_at)
    ) AS i
    WHERE NOT p_compact OR (
        i.place = i.versions
        AND NOT EXISTS (
            SELECT FROM runtime.publisher_updates AS u
            WHERE u.publisher = p_publisher AND u.topic = p_topic AND u.doc_key = i.doc_key
                AND (u.state <> 'claimed' OR u.watermark >= i.watermark)
        )
    )
    ON CONFLICT (publisher, topic, doc_key, watermark) DO NOTHING;
    GET DIAGNOSTICS v_queued = ROW_COUNT;
    RETURN v_queued;
END
$$;

COMMENT ON FUNCTION khala_internal.queue_updates(text, text, boolean, text[], bigint[], bigint[], timestamptz[]) IS
'Internal: queues updates for a publisher. Arguments: publisher; topic; whether only the latest version counts; keys, watermarks, versions and times of writing. Result: number of rows added. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.queue_updates(text, text, boolean, text[], bigint[], bigint[], timestamptz[]) FROM public;
