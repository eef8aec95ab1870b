-- Deploy khala:flags to pg

BEGIN;
\ir ../session.sql

SET LOCAL ROLE khala_owner;

CREATE TABLE runtime.flags (
    surface text PRIMARY KEY CHECK (surface ~ '^[a-z][a-z0-9_.-]{0,63}$'),
    lane text NOT NULL CHECK (lane IN ('legacy', 'khala')),
    percent numeric(5, 2) NOT NULL CHECK (percent BETWEEN 0 AND 100),
    people text[] NOT NULL CHECK (pg_catalog.cardinality(people) <= 1000),
    changed_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    changed_by text NOT NULL DEFAULT SESSION_USER
);
COMMENT ON TABLE runtime.flags IS 'Surfaces that move from the legacy backend to Khala, and for whom they have moved';
COMMENT ON COLUMN runtime.flags.lane IS 'legacy: everybody reads the legacy backend, whatever the other columns say; khala: the people named and the share do not';
COMMENT ON COLUMN runtime.flags.percent IS 'Share of all subjects that the lane khala is for: those whose cohort, 0 to 9999, is below a hundred times this';
COMMENT ON COLUMN runtime.flags.people IS 'Subjects that the lane khala is for besides';

COMMIT;
