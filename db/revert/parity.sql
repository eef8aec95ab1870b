-- Revert khala:parity from pg

BEGIN;
\ir ../session.sql

DROP TABLE runtime.parity_document_totals;
DROP TABLE runtime.parity_cycle_totals;
DROP TABLE runtime.parity_mismatches;
DROP TABLE runtime.parity_counts;
DROP TABLE runtime.parity_samples;
DROP TABLE runtime.parity_cycles;

COMMIT;
