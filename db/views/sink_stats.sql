-- Counts of sink outcomes that no row records.

CREATE OR REPLACE VIEW khala.sink_stats AS
SELECT
    'rewritten' AS outcome,
    CASE WHEN r.is_called THEN r.last_value ELSE 0 END AS sinks
FROM runtime.sync_sinks_rewritten AS r
UNION ALL
SELECT
    'duplicate' AS outcome,
    CASE WHEN d.is_called THEN d.last_value ELSE 0 END AS sinks
FROM runtime.sync_sinks_duplicate AS d
UNION ALL
SELECT
    'stale_version' AS outcome,
    CASE WHEN s.is_called THEN s.last_value ELSE 0 END AS sinks
FROM runtime.sync_sinks_stale_version AS s;

COMMENT ON VIEW khala.sink_stats IS 'Sinks by outcome, of all topics, since the server last recovered from a crash: rewritten, duplicate, stale_version, including rolled back ones. Heads in khala.topic_stats count all that was written, applied or rewritten. A standby cannot read it';
GRANT SELECT ON khala.sink_stats TO khala_dba;
