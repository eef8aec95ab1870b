-- Drift per projection, read from the index of checkpoints with drift.

CREATE OR REPLACE VIEW khala.projection_stats AS
SELECT
    c.projection,
    pg_catalog.count(*) AS drifted_entities,
    pg_catalog.sum(c.drift_count)::bigint AS drift
FROM runtime.projection_checkpoints AS c
WHERE c.drift_count > 0
GROUP BY c.projection;

COMMENT ON VIEW khala.projection_stats IS 'Per projection with drift: number of entities whose unchanged history gave another summary, and number of such summaries, since each entity was last rebuilt';
GRANT SELECT ON khala.projection_stats TO khala_dba;
