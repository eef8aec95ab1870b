BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(4);

DO $$
BEGIN
    INSERT INTO runtime.parity_cycles (cycle, sampled) SELECT n.n, 1 FROM generate_series(1, 3) AS n (n);
    INSERT INTO runtime.parity_samples (cycle, topic, doc_key) SELECT c.cycle, 't', 'k' FROM runtime.parity_cycles AS c;
    INSERT INTO runtime.parity_counts (cycle, topic, reason, drift, documents) SELECT c.cycle, 't', 'none', 0, 1 FROM runtime.parity_cycles AS c;
    INSERT INTO runtime.parity_mismatches (cycle, topic, doc_key, reason, drift) SELECT c.cycle, 't', 'k', 'lag_drift', 1 FROM runtime.parity_cycles AS c;
    PERFORM khala_internal.forget_parity_cycles(ARRAY[0, (SELECT min(c.cycle) FROM runtime.parity_cycles AS c), (SELECT max(c.cycle) FROM runtime.parity_cycles AS c)]);
    PERFORM khala_internal.forget_parity_cycles('{}'), khala_internal.forget_parity_cycles(NULL);
END
$$;
SELECT is(count(*), 1::bigint, 'the cycle in between is left') FROM runtime.parity_cycles;
SELECT is(count(c.cycle) = 1 AND count(*) = 1, TRUE, 'with its part of ' || v.name)
FROM (
    SELECT 'samples' AS name, s.cycle FROM runtime.parity_samples AS s
    UNION ALL
    SELECT 'counts', n.cycle FROM runtime.parity_counts AS n
    UNION ALL
    SELECT 'mismatches', m.cycle FROM runtime.parity_mismatches AS m
) AS v
LEFT JOIN runtime.parity_cycles AS c ON v.cycle = c.cycle
GROUP BY v.name;

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
