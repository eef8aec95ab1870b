BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(4);

INSERT INTO runtime.parity_cycles (cycle, started_at, finished_at, sampled)
SELECT c.n, '2026-03-04 05:06:07+00', CASE WHEN c.n > 1 THEN now() END, 22 FROM generate_series(1, 22) AS c (n);
INSERT INTO runtime.parity_counts VALUES (22, 'runtime.notifications', 'none', 0, 5), (22, 'runtime.notifications', 'lag_drift', 2, 1),
(22, 'runtime.run_summaries', 'none', 0, 4), (21, 'runtime.notifications', 'lag_drift', 1, 1), (1, 'runtime.notifications', 'none', 0, 99);
SELECT is(
    (khala.admin_parity('a', '{khala.admin,khala.admin.all}') -> 'topics')::jsonb,
    '[{"topic": "runtime.notifications", "reasons": {"none": 5, "lag_drift": 2}, "max_drift": 2}, {"topic": "runtime.run_summaries", "reasons": {"none": 4}, "max_drift": 0}]',
    'topics, of the last hour'
);
SELECT is(
    (SELECT jsonb_build_array(jsonb_array_length(p.found -> 'cycles'), (p.found -> 'cycles' -> 0) - 'finished_at', p.found -> 'cycles' -> 19 -> 'cycle')
    FROM (SELECT x.found::jsonb FROM khala.admin_parity('a', '{khala.admin,khala.admin.all}') AS x (found)) AS p (found)),
    '[20, {"cycle": 22, "started_at": "2026-03-04T05:06:07.000000Z", "sampled": 22, "error": null, "reasons": {"none": 9, "lag_drift": 1}}, 3]'::jsonb, 'the last cycles'
);
SELECT results_eq(
    'SELECT g.value ->> ''gate'' FROM json_array_elements(khala.admin_parity(''a'', ''{khala.admin,khala.admin.all}'') -> ''gates'') AS g',
    'SELECT g.gate FROM khala.parity_gates() AS g', 'the gates'
);
SELECT throws_ok('SELECT khala.admin_parity(''a'', ''{khala.admin}'')', 'KH025', NULL, 'without khala.admin.all');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
