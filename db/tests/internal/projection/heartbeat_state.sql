BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(10);

-- The rule, at its edges.
CREATE FUNCTION pg_temp.state(p_status text, p_age interval) RETURNS text LANGUAGE sql AS $$
SELECT khala_internal.heartbeat_state(p_status, '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z'::timestamptz + p_age) $$;

SELECT is(pg_temp.state(v.status, v.age), v.state, v.status || ' after ' || v.age)
FROM (
    VALUES
    ('running', '0 s'::interval, 'fresh'), ('running', '120 s', 'fresh'), ('running', '120.000001 s', 'stale'),
    ('starting', '-1 s', 'fresh'), ('stopping', '1 day', 'stale'), ('stopped', '0 s', 'stopped'), ('failed', '1 day', 'failed')
) AS v (status, age, state);
SELECT is(khala_internal.heartbeat_state('running', NULL, now()), 'missing', 'none has come');
SELECT is(khala_internal.heartbeat_state('stopped', NULL, now()), 'stopped', 'none is expected');
SELECT volatility_is('khala_internal', 'heartbeat_state', 'immutable', 'the caller says what time it is');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
