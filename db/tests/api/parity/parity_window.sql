BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(10);

SELECT results_eq(
    'SELECT w.cycles, w.failed, w.compared, w.mismatches, w.missing, w.unread, w.mismatch_rate, w.max_drift, w.p95_drift, w.last_cycle_age FROM khala.parity_window() AS w',
    'SELECT 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, NULL::numeric, NULL::numeric, NULL::numeric, NULL::interval', 'nothing was compared'
);
CREATE FUNCTION pg_temp.cycle(p_age interval, p_error text, p_counts jsonb) RETURNS void LANGUAGE sql AS $$
WITH made AS (
    INSERT INTO runtime.parity_cycles (cycle, started_at, finished_at, sampled, error)
    SELECT coalesce(min(c.cycle), 0) - 1, now() - p_age, now() - p_age, 1, p_error FROM runtime.parity_cycles AS c RETURNING cycle
)
INSERT INTO runtime.parity_counts (cycle, topic, reason, drift, documents)
SELECT m.cycle, 'pgtap.t', c.reason, c.drift, c.documents
FROM made AS m CROSS JOIN jsonb_to_recordset(p_counts) AS c (reason text, drift numeric, documents bigint)
$$;
DO $$
BEGIN
    PERFORM pg_temp.cycle('2 hours', NULL, '[{"reason": "khala_missing", "drift": 0, "documents": 9}]');
    PERFORM pg_temp.cycle('30 minutes', NULL, '[{"reason": "none", "drift": 0, "documents": 94}, {"reason": "lag_drift", "drift": 4, "documents": 1}, {"reason": "unread", "drift": 0, "documents": 7}]');
    PERFORM pg_temp.cycle('10 minutes', NULL, '[{"reason": "legacy_missing", "drift": 0, "documents": 1}, {"reason": "hash_and_lag_drift", "drift": 3, "documents": 3}, {"reason": "hash_mismatch", "drift": 0, "documents": 1}]');
    PERFORM pg_temp.cycle('1 minute', 'down', '[{"reason": "unread", "drift": 0, "documents": 5}]');
END
$$;
SELECT results_eq(
    'SELECT w.cycles, w.failed, w.compared, w.mismatches, w.missing, w.unread, w.mismatch_rate, w.max_drift, w.p95_drift FROM khala.parity_window() AS w',
    'VALUES (2::bigint, 1::bigint, 100::bigint, 6::bigint, 1::bigint, 12::bigint, 0.06::numeric, 4::numeric, 0::numeric)', 'of the last hour'
);
SELECT results_eq(
    'SELECT w.compared, w.mismatch_rate, w.max_drift, w.p95_drift FROM khala.parity_window(''20 minutes'') AS w',
    'VALUES (5::bigint, 1::numeric, 3::numeric, 3::numeric)', 'of less'
);
SELECT is(w.missing, 10::bigint, 'of more') FROM khala.parity_window('3 hours') AS w;
SELECT ok(w.last_cycle_age BETWEEN '10 minutes' AND '11 minutes', 'the last that is complete') FROM khala.parity_window('1 second') AS w;
SELECT throws_ok('SELECT khala.parity_window(' || v.argument || ')', 'KH007', NULL, 'not usable: ' || v.argument)
FROM (VALUES ('NULL'), ('''0.5 seconds'''), ('''25 hours'''), ('''-1 hour'''), ('''1 month''')) AS v (argument);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
