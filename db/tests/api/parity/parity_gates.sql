BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(15);

CREATE FUNCTION pg_temp.cycle(p_age interval, p_reason text, p_drift numeric, p_documents bigint, p_topic text DEFAULT 'pgtap.t') RETURNS void LANGUAGE sql AS $$
WITH made AS (
    INSERT INTO runtime.parity_cycles (cycle, started_at, finished_at, sampled)
    SELECT coalesce(min(c.cycle), 0) - 1, now() - p_age, now() - p_age, 1 FROM runtime.parity_cycles AS c RETURNING cycle
)
INSERT INTO runtime.parity_counts (cycle, topic, reason, drift, documents) SELECT m.cycle, p_topic, p_reason, p_drift, p_documents FROM made AS m
$$;
CREATE FUNCTION pg_temp.unmet(p_window interval DEFAULT '1 hour') RETURNS text LANGUAGE sql AS $$
SELECT coalesce(string_agg(g.gate, ' ' ORDER BY g.gate), '') FROM khala.parity_gates(p_window) AS g WHERE NOT g.is_met
$$;

SELECT is(pg_temp.unmet(), 'compared last_cycle_age mismatch_rate missing p95_drift unread_rate', 'nothing was compared');
DO $$ BEGIN PERFORM pg_temp.cycle('50 minutes', 'none', 0, 1000); END $$;
SELECT is(pg_temp.unmet(), 'last_cycle_age', 'all is well, and long ago');
DO $$ BEGIN PERFORM pg_temp.cycle('1 minute', 'none', 0, 1000); END $$;
SELECT is(pg_temp.unmet(), '', 'all is well');
SELECT results_eq(
    'SELECT g.gate, g.found, g.allowed FROM khala.parity_gates() AS g WHERE g.gate <> ''last_cycle_age''',
    $$VALUES ('compared', 2000::numeric, 'at least 1 document'), ('unread_rate', 0.0, 'at most 0.05'), ('mismatch_rate', 0.0, 'below 0.01'), ('missing', 0, '0 documents'), ('p95_drift', 0, '0 sequence numbers')$$,
    'what was found, and what is allowed'
);
DO $$ BEGIN PERFORM pg_temp.cycle('2 minutes', 'hash_mismatch', 0, 20); END $$;
SELECT is(pg_temp.unmet(), '', '20 of 2020 differ');
DO $$ BEGIN PERFORM pg_temp.cycle('2 minutes', 'hash_mismatch', 0, 1); END $$;
SELECT is(pg_temp.unmet(), 'mismatch_rate', '21 of 2021 do');
SELECT is(pg_temp.unmet('90 seconds'), '', 'not in the last minute');
DO $$ BEGIN PERFORM pg_temp.cycle('1 minute', 'legacy_missing', 0, 1); END $$;
SELECT is(pg_temp.unmet(), 'mismatch_rate missing', 'one is missing');
DO $$ BEGIN PERFORM pg_temp.cycle('1 minute', 'lag_drift', 1, 120); END $$;
SELECT is(pg_temp.unmet(), 'mismatch_rate missing p95_drift', 'more than one in twenty is behind');
DO $$ BEGIN PERFORM pg_temp.cycle('1 minute', 'none', 0, 20000); END $$;
SELECT is(pg_temp.unmet(), 'missing', 'one in a hundred is not');
DO $$ BEGIN PERFORM pg_temp.cycle('30 seconds', 'none', 0, 950), pg_temp.cycle('30 seconds', 'unread', 0, 50); END $$;
SELECT is(pg_temp.unmet('45 seconds'), '', 'one in twenty was not read');
DO $$ BEGIN PERFORM pg_temp.cycle('30 seconds', 'unread', 0, 1); END $$;
SELECT is(pg_temp.unmet('45 seconds'), 'unread_rate', 'more than that, so that nothing is known of too many');
DO $$ BEGIN PERFORM pg_temp.cycle('20 seconds', 'none', 0, 10000), pg_temp.cycle('20 seconds', 'unread', 0, 3, 'pgtap.small'); END $$;
SELECT is(pg_temp.unmet('25 seconds'), 'unread_rate', 'nor is anything known of a small topic that is not read at all');
SELECT throws_ok('SELECT khala.parity_gates(' || v.argument || ')', 'KH007', NULL, 'not usable: ' || v.argument) FROM (VALUES ('NULL'), ('''2 days''')) AS v (argument);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
