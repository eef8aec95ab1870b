-- Deploy khala:parity to pg

BEGIN;
\ir ../session.sql

SET LOCAL ROLE khala_owner;

-- khala.finish_parity_cycle keeps these tables small: cycles of a day, 10000 at most, and with each what it found.
CREATE TABLE runtime.parity_cycles (
    cycle bigint PRIMARY KEY,
    started_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    finished_at timestamptz,
    sampled integer NOT NULL CHECK (sampled >= 0),
    error text,
    started_by text NOT NULL DEFAULT SESSION_USER
);
CREATE INDEX parity_cycles_finished ON runtime.parity_cycles (finished_at);
COMMENT ON TABLE runtime.parity_cycles IS 'Comparisons of a sample of documents with the legacy backend';
COMMENT ON COLUMN runtime.parity_cycles.finished_at IS 'Null while the cycle runs, or when its process was killed';
COMMENT ON COLUMN runtime.parity_cycles.sampled IS 'Number of documents in the sample';
COMMENT ON COLUMN runtime.parity_cycles.error IS 'Why nothing could be compared; null in a complete cycle';

CREATE TABLE runtime.parity_samples (
    cycle bigint NOT NULL REFERENCES runtime.parity_cycles (cycle),
    topic text NOT NULL,
    doc_key text COLLATE "C" NOT NULL,
    watermark bigint,
    doc_version bigint,
    seq numeric,
    bare_hash bytea,
    PRIMARY KEY (cycle, topic, doc_key)
);
COMMENT ON TABLE runtime.parity_samples IS 'Documents of running cycles that have no verdict yet, as Khala held them before the legacy backend was read';
COMMENT ON COLUMN runtime.parity_samples.seq IS 'Sequence number of the document; null when it was missing or deleted';
COMMENT ON COLUMN runtime.parity_samples.bare_hash IS 'SHA-256 of the canonical payload without projected_at; null when it was missing or deleted';

CREATE TABLE runtime.parity_counts (
    cycle bigint NOT NULL REFERENCES runtime.parity_cycles (cycle),
    topic text NOT NULL,
    reason text NOT NULL CHECK (reason IN (
        'none', 'khala_missing', 'legacy_missing', 'hash_mismatch', 'lag_drift', 'hash_and_lag_drift', 'unread'
    )),
    drift numeric NOT NULL CHECK (drift >= 0),
    documents bigint NOT NULL,
    PRIMARY KEY (cycle, topic, reason, drift)
);
COMMENT ON TABLE runtime.parity_counts IS 'Verdicts of each cycle, counted';
COMMENT ON COLUMN runtime.parity_counts.reason IS 'none: both sides hold the same; unread: the legacy backend did not say what it holds; the others are mismatches';

CREATE TABLE runtime.parity_mismatches (
    cycle bigint NOT NULL REFERENCES runtime.parity_cycles (cycle),
    topic text NOT NULL,
    doc_key text COLLATE "C" NOT NULL,
    reason text NOT NULL,
    drift numeric NOT NULL,
    khala_version bigint,
    legacy_seq numeric,
    khala_hash bytea,
    legacy_hash bytea,
    detail text,
    PRIMARY KEY (cycle, topic, doc_key)
);
COMMENT ON TABLE runtime.parity_mismatches IS 'Mismatches, at most 100 of a call of khala.judge_parity; parity_counts has their number';
COMMENT ON COLUMN runtime.parity_mismatches.khala_hash IS 'SHA-256 of the canonical payload without projected_at; likewise legacy_hash';

CREATE TABLE runtime.parity_cycle_totals (
    outcome text PRIMARY KEY CHECK (outcome IN ('started', 'complete', 'failed')),
    cycles bigint NOT NULL
);
COMMENT ON TABLE runtime.parity_cycle_totals IS 'Number of cycles that ever started, which numbers them, and that finished, by outcome';
CREATE TABLE runtime.parity_document_totals (
    topic text NOT NULL,
    reason text NOT NULL,
    documents bigint NOT NULL,
    PRIMARY KEY (topic, reason)
);
COMMENT ON TABLE runtime.parity_document_totals IS 'Number of verdicts that ever were, by topic and reason';

COMMIT;
