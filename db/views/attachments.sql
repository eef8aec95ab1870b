-- Tables that are attached to topics: progress, rows set aside, and what has changed since.

CREATE OR REPLACE VIEW khala.attachments AS
SELECT
    a.topic,
    -- Not quoted, which would depend on a setting.
    coalesce(n.nspname || '.' || c.relname, 'oid ' || a.relation::oid) AS table_name,
    a.key_columns,
    a.org_column,
    a.columns,
    CASE
        WHEN c.oid IS NULL THEN 'dropped'
        WHEN NOT a.is_backfilled THEN 'reading rows'
        WHEN a.sweep_after IS NOT NULL THEN 'removing documents'
        ELSE 'live'
    END AS state,
    a.backfilled_rows,
    -- An estimate of the last ANALYZE; -1 in a part means never.
    (
        SELECT coalesce(pg_catalog.sum(greatest(p.reltuples, 0)), 0)::bigint
        FROM pg_catalog.pg_class AS p
        WHERE p.oid = c.oid OR p.oid IN (SELECT t.relid FROM pg_catalog.pg_partition_tree(c.oid) AS t WHERE t.isleaf AND t.relid <> c.oid)
    ) AS rows_estimate,
    (SELECT pg_catalog.count(*) FROM runtime.attachment_set_aside AS s WHERE s.topic = a.topic) AS set_aside,
    khala.attachment_drift(a.topic) AS drift,
    a.attached_at,
    a.attached_by
FROM runtime.attachments AS a
LEFT JOIN pg_catalog.pg_class AS c ON a.relation = c.oid
LEFT JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid;

COMMENT ON VIEW khala.attachments IS
'Tables attached to topics by khala.attach: state (reading rows, removing documents, live or dropped), number of rows read and their estimated number, number of rows set aside, and drift: what changed in the table since';
REVOKE ALL ON khala.attachments FROM public;
GRANT SELECT ON khala.attachments TO khala_dba;
