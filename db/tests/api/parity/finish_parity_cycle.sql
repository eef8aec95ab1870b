BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(11);

DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.finish', p_ownership => 'public');
    PERFORM khala.sink('pgtap.finish', 'k' || n, 1, jsonb_build_object('latest_seq', n)) FROM generate_series(1, 4) AS n;
END
$$;
CREATE TEMP TABLE started AS SELECT s.cycle FROM khala.start_parity_cycle(ARRAY['pgtap.finish']) AS s;
DO $$
BEGIN
    PERFORM khala.judge_parity(
        s.cycle, '[{"topic": "pgtap.finish", "doc_key": "k1", "summary": {"latest_seq": 1}}, {"topic": "pgtap.finish", "doc_key": "k2", "summary": null},
            {"topic": "pgtap.finish", "doc_key": "k4", "summary": {"latest_seq": 1}}]', TRUE
    ) FROM started AS s;
END
$$;
SELECT results_eq(
    'SELECT f.sampled, f.compared, f.unread, f.reasons, f.max_drift FROM started AS s CROSS JOIN LATERAL khala.finish_parity_cycle(s.cycle) AS f',
    $$VALUES (4::bigint, 3::bigint, 1::bigint, '{"none": 1, "unread": 1, "legacy_missing": 1, "hash_and_lag_drift": 1}'::jsonb, 3::numeric)$$,
    'what was found; without a verdict is unread'
);
SELECT results_eq(
    'SELECT p.reason, p.documents FROM khala.parity_stats AS p WHERE p.topic = ''pgtap.finish'' ORDER BY p.reason',
    $$VALUES ('hash_and_lag_drift', 1::bigint), ('legacy_missing', 1), ('none', 1), ('unread', 1)$$, 'totals grow'
);
SELECT is_empty('SELECT * FROM runtime.parity_samples AS p INNER JOIN started AS s ON p.cycle = s.cycle', 'no sample is left');
SELECT ok(c.finished_at >= c.started_at AND c.error IS NULL, 'the cycle has finished') FROM runtime.parity_cycles AS c INNER JOIN started AS s ON c.cycle = s.cycle;
SELECT throws_ok(format('SELECT khala.finish_parity_cycle(%s)', s.cycle), 'KH009', NULL, 'only once') FROM started AS s;
SELECT throws_ok(format('SELECT khala.judge_parity(%s, ''[]'', TRUE)', s.cycle), 'KH009', NULL, 'and nothing is judged after it') FROM started AS s;
SELECT throws_ok('SELECT khala.finish_parity_cycle(' || v.n || ')', 'KH009', NULL, 'not a cycle: ' || v.n) FROM (VALUES ('NULL'), ('-1')) AS v (n);

DO $$
BEGIN
    INSERT INTO runtime.parity_cycles (cycle, started_at, finished_at, sampled) SELECT 0, now() - interval '26 hours', now() - interval '26 hours', 1;
    UPDATE started SET cycle = (SELECT c.cycle FROM khala.start_parity_cycle(ARRAY['pgtap.finish']) AS c);
END
$$;
SELECT results_eq(
    $$SELECT f.compared, f.unread, f.reasons FROM started AS s CROSS JOIN LATERAL khala.finish_parity_cycle(s.cycle, 'it is down') AS f$$,
    $$VALUES (0::bigint, 4::bigint, '{"unread": 4}'::jsonb)$$, 'one that failed'
);
SELECT results_eq(
    'SELECT t.outcome, t.cycles FROM runtime.parity_cycle_totals AS t WHERE t.outcome <> ''started'' ORDER BY t.outcome', $$VALUES ('complete', 1::bigint), ('failed', 1)$$, 'cycles by outcome'
);
SELECT is(count(*), 2::bigint, 'cycles of another day are gone') FROM runtime.parity_cycles;

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
