-- Statistics per publisher and topic. Times are numbers of seconds: a scrape reads them as JSON.

CREATE OR REPLACE VIEW khala.publisher_stats AS
SELECT
    p.publisher,
    p.kind,
    p.url,
    CASE
        WHEN p.paused THEN 'paused'
        WHEN worker.pid IS NULL THEN 'stopped'
        WHEN p.is_down THEN 'down'
        WHEN t.snapshot_key IS NOT NULL THEN 'resyncing'
        ELSE 'running'
    END AS state,
    worker.pid AS worker_pid,
    t.topic,
    t.target,
    t.delete_target,
    t.cursor_watermark,
    s.head_watermark,
    -- Everything, until the first read.
    s.head_watermark - coalesce(t.cursor_watermark, r.retention_floor - 1) AS unread,
    queue.waiting,
    queue.in_flight,
    queue.retrying,
    greatest(pg_catalog.extract('epoch', pg_catalog.now() - least(queue.oldest_at, unread.inserted_at)), 0) AS oldest_age_s,
    aside.updates AS set_aside,
    t.delivered,
    t.failed,
    t.refused,
    t.resyncs,
    t.resync_reason,
    pg_catalog.extract('epoch', t.resynced_at) AS resynced_at_s,
    t.overtaken,
    pg_catalog.extract('epoch', p.last_delivery_at) AS last_delivery_at_s,
    pg_catalog.extract('epoch', p.last_error_at) AS last_error_at_s,
    p.last_error
FROM runtime.publishers AS p
LEFT JOIN runtime.publisher_topics AS t ON p.publisher = t.publisher
LEFT JOIN runtime.sync_topic_sequences AS s ON t.topic = s.topic
LEFT JOIN runtime.sync_topic_retention AS r ON t.topic = r.topic
LEFT JOIN LATERAL (
    SELECT l.pid
    FROM pg_catalog.pg_locks AS l
    WHERE l.granted AND l.locktype = 'advisory' AND l.objsubid = 1
        AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
        AND (l.classid::bigint << 32 | l.objid::bigint) = p.lock_key
) AS worker ON TRUE
LEFT JOIN LATERAL (
    SELECT e.inserted_at
    FROM runtime.sync_stream_events AS e
    WHERE e.topic = t.topic AND e.watermark > t.cursor_watermark AND e.watermark >= r.retention_floor
    ORDER BY e.watermark ASC
    LIMIT 1
) AS unread ON TRUE
CROSS JOIN LATERAL (
    SELECT
        pg_catalog.count(*) FILTER (WHERE u.state <> 'claimed') AS waiting,
        pg_catalog.count(*) FILTER (WHERE u.state = 'claimed') AS in_flight,
        pg_catalog.count(*) FILTER (WHERE u.state <> 'claimed' AND u.attempts > 0) AS retrying,
        pg_catalog.min(u.written_at) AS oldest_at
    FROM runtime.publisher_updates AS u
    WHERE u.publisher = t.publisher AND u.topic = t.topic
) AS queue
CROSS JOIN LATERAL (
    SELECT pg_catalog.count(*) AS updates
    FROM runtime.publisher_set_aside AS a
    WHERE a.publisher = t.publisher AND a.topic = t.topic
) AS aside;

COMMENT ON VIEW khala.publisher_stats IS 'Per publisher and topic: state (running, resyncing, down, stopped: nobody works on it, paused), journal rows not read, updates that wait, are in flight or are tried again, age in seconds of the oldest that is not delivered, updates set aside, totals, and the last error; topic is null for a publisher without topics';
GRANT SELECT ON khala.publisher_stats TO khala_dba;
