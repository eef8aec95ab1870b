-- Revert khala:bounded_statistics from pg

BEGIN;

SET LOCAL ROLE khala_owner;

CREATE OR REPLACE VIEW khala.topic_stats AS
SELECT
    t.topic,
    s.head_watermark,
    r.retention_floor,
    pg_catalog.now() - oldest.inserted_at AS oldest_age,
    -- The journal is contiguous: what lies between floor and head need not be counted.
    s.head_watermark - r.retention_floor + 1 AS rows,
    -- From up to 100 rows at either end: a scrape must not read the journal.
    (sample.average_bytes * (s.head_watermark - r.retention_floor + 1))::bigint AS bytes,
    recent.writes_per_minute,
    s.armed
FROM runtime.sync_topics AS t
INNER JOIN runtime.sync_topic_sequences AS s ON t.topic = s.topic
INNER JOIN runtime.sync_topic_retention AS r ON t.topic = r.topic
LEFT JOIN runtime.sync_stream_events AS oldest
    ON t.topic = oldest.topic AND r.retention_floor = oldest.watermark
CROSS JOIN LATERAL (
    SELECT coalesce(pg_catalog.avg(e.payload_bytes), 0) AS average_bytes
    FROM runtime.sync_stream_events AS e
    WHERE e.topic = t.topic
        AND (
            e.watermark BETWEEN r.retention_floor AND r.retention_floor + 99
            OR e.watermark BETWEEN s.head_watermark - 99 AND s.head_watermark
        )
) AS sample
CROSS JOIN LATERAL (
    -- Over the last minute, or the last 1,000 writes where those are younger.
    SELECT CASE
        WHEN pg_catalog.count(*) < 1000 THEN pg_catalog.count(*)::double precision
        ELSE pg_catalog.count(*) * 60 / greatest(
            pg_catalog.date_part('epoch', pg_catalog.now() - pg_catalog.min(w.inserted_at)), 0.001
        )
    END AS writes_per_minute
    FROM (
        SELECT e.inserted_at
        FROM runtime.sync_stream_events AS e
        WHERE e.topic = t.topic AND e.watermark > s.head_watermark - 1000
    ) AS w
    WHERE w.inserted_at > pg_catalog.now() - '1 minute'::interval
) AS recent;

CREATE OR REPLACE VIEW khala.retention_stats AS
SELECT
    t.topic,
    r.retention_floor,
    t.retention_horizon,
    r.last_purge_at,
    r.purges,
    r.purged_events,
    pg_catalog.now() - oldest.inserted_at - t.retention_horizon AS overdue
FROM runtime.sync_topics AS t
INNER JOIN runtime.sync_topic_retention AS r ON t.topic = r.topic
LEFT JOIN runtime.sync_stream_events AS oldest
    ON t.topic = oldest.topic AND r.retention_floor = oldest.watermark;

COMMIT;
