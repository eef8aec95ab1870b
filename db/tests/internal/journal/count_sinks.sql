BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(10);

-- Others may count meanwhile, and counting is not taken back: what counts is the difference.
SELECT cmp_ok(khala_internal.count_sinks(v.outcome, 1), '>=', 1::bigint, 'one more ' || v.outcome)
FROM (VALUES ('rewritten'), ('duplicate'), ('stale_version')) AS v (outcome);
SELECT cmp_ok(
    khala_internal.count_sinks('duplicate', 1) + 2 - khala_internal.count_sinks('duplicate', 3), '<=', 0::bigint, 'as many as are named'
);
SELECT is(khala_internal.count_sinks('duplicate', 0), NULL, 'none of them');
SELECT throws_ok('SELECT khala_internal.count_sinks(''applied'', 1)', '42P01', NULL, 'heads tell of what was written');

CREATE TEMP TABLE before AS SELECT s.outcome, s.sinks FROM khala.sink_stats AS s;
DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.count', p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.count', 'k', 5, '{}');
    PERFORM khala.sink('pgtap.count', 'k', 5, '{}');
    PERFORM khala.sink('pgtap.count', 'k', 5, '{"x": 1}');
    PERFORM khala.sink('pgtap.count', 'k', 4, '{}');
    PERFORM khala.sink_delete('pgtap.count', 'k', 4);
    PERFORM khala.sink_batch('pgtap.count', '[
        {"doc_key": "k", "doc_version": 5, "payload": {"x": 1}}, {"doc_key": "l", "doc_version": 1, "payload": {}},
        {"doc_key": "l", "doc_version": 1, "payload": {}}, {"doc_key": "m", "doc_version": 1, "payload": {}},
        {"doc_key": "m", "doc_version": 0, "payload": {}}, {"doc_key": "k", "doc_version": 5, "payload": {"x": 2}}
    ]');
END
$$;
SELECT cmp_ok(
    (SELECT s.sinks - b.sinks FROM khala.sink_stats AS s INNER JOIN before AS b ON s.outcome = b.outcome WHERE s.outcome = v.outcome),
    '>=', v.count, v.outcome || ': sinks one by one, tombstones and batches'
)
FROM (VALUES ('rewritten', 2::bigint), ('duplicate', 3), ('stale_version', 3)) AS v (outcome, count);

-- On a standby too, whose transactions are all like this.
SET LOCAL transaction_read_only = on;
SELECT is((SELECT s.outcome FROM khala.sink('pgtap.count', 'l', 1, '{}') AS s), 'duplicate', 'nothing is to be written where nothing may be');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
