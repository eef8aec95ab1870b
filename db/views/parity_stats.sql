-- Totals of all comparisons with the legacy backend.

CREATE OR REPLACE VIEW khala.parity_stats AS
SELECT
    d.topic,
    d.reason,
    d.documents
FROM runtime.parity_document_totals AS d;

COMMENT ON VIEW khala.parity_stats IS 'Documents compared with the legacy backend since the installation, by topic and reason: none (both sides hold the same), khala_missing, legacy_missing, hash_mismatch, lag_drift, hash_and_lag_drift; unread: the legacy backend did not say what it holds';
GRANT SELECT ON khala.parity_stats TO khala_dba;
