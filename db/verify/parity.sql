-- Verify khala:parity on pg

BEGIN;
\ir ../session.sql

SELECT cycle, started_at, finished_at, sampled, error, started_by FROM runtime.parity_cycles WHERE FALSE;
SELECT cycle, topic, doc_key, watermark, doc_version, seq, bare_hash FROM runtime.parity_samples WHERE FALSE;
SELECT cycle, topic, reason, drift, documents FROM runtime.parity_counts WHERE FALSE;
SELECT cycle, topic, doc_key, reason, drift, khala_version, legacy_seq, khala_hash, legacy_hash, detail
FROM runtime.parity_mismatches WHERE FALSE;
SELECT outcome, cycles FROM runtime.parity_cycle_totals WHERE FALSE;
SELECT topic, reason, documents FROM runtime.parity_document_totals WHERE FALSE;

DO $$
BEGIN
    ASSERT (
        SELECT pg_catalog.bool_and(c.relowner = 'khala_owner'::pg_catalog.regrole)
        FROM pg_catalog.pg_class AS c
        WHERE c.relnamespace = 'runtime'::pg_catalog.regnamespace AND pg_catalog.starts_with(c.relname::text, 'parity_')
    ), 'the tables of parity must belong to khala_owner';
END
$$;

ROLLBACK;
