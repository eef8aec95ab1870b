-- Drift per projection, read by the index of the checkpoints that have any.

CREATE OR REPLACE VIEW khala.projection_stats AS
SELECT
    c.projection,
    pg_catalog.count(*) AS drifted_entities,
    pg_catalog.sum(c.drift_count)::bigint AS drift
FROM runtime.projection_checkpoints AS c
WHERE c.drift_count > 0
GROUP BY c.projection;

COMMENT ON VIEW khala.projection_stats IS 'Per projection that has drifted: of how many entities the same history gave another summary, and how often, since each was last rebuilt';
GRANT SELECT ON khala.projection_stats TO khala_dba;
