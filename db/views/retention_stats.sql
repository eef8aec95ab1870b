-- Purges per topic, and whether they are late.

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
LEFT JOIN LATERAL (
    SELECT e.inserted_at
    FROM runtime.sync_stream_events AS e
    WHERE e.topic = t.topic AND e.watermark = r.retention_floor
    ORDER BY e.watermark ASC
    LIMIT 1
) AS oldest ON TRUE;

COMMENT ON VIEW khala.retention_stats IS 'Per topic: retention floor and horizon, last purge, number of purges and of purged rows, time that the oldest row is overdue (negative: not yet)';
GRANT SELECT ON khala.retention_stats TO khala_dba;
