BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(9);

DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.sample', p_ownership => 'public');
    PERFORM khala.register_topic('pgtap.rare', p_ownership => 'public');
    PERFORM khala.register_topic('pgtap.empty', p_ownership => 'public');
    PERFORM khala.sink('pgtap.sample', 'k' || n, 1, '{}') FROM generate_series(1, 3000) AS n;
    PERFORM khala.sink('pgtap.rare', 'r' || n, 1, '{}') FROM generate_series(1, 60) AS n;
    PERFORM khala.append_run_event('pgtap-sample', 'run.started', '{}', 'pgtap');
END
$$;
CREATE FUNCTION pg_temp.numbers(p_sample integer)
RETURNS TABLE (n integer)
LANGUAGE sql
AS $$ SELECT substr(s.doc_key, 2)::integer FROM khala_internal.parity_sample('pgtap.sample', p_sample) AS s $$;

SELECT is_empty($$SELECT * FROM khala_internal.parity_sample('pgtap.empty', 10)$$, 'an empty topic');
SELECT is(count(DISTINCT s.doc_key), 60::bigint, 'a small topic is taken whole') FROM khala_internal.parity_sample('pgtap.rare', 100) AS s;
SELECT results_eq(
    'SELECT count(*), count(DISTINCT s.n), count(*) FILTER (WHERE s.n > 2980) >= 20 FROM pg_temp.numbers(40) AS s',
    'VALUES (40::bigint, 40::bigint, TRUE)', 'half of a sample are those that changed last, none twice'
);
SELECT ok(
    count(*) FILTER (WHERE s.n <= 1500) BETWEEN 20 AND 380 AND count(*) FILTER (WHERE s.n > 1500) > 500,
    'the rest comes from everywhere'
)
FROM pg_temp.numbers(1000) AS s;
ANALYZE runtime.sync_documents;
SELECT is(count(*), 5::bigint, 'a topic with few documents among many') FROM khala_internal.parity_sample('pgtap.rare', 5);
SELECT isnt(
    (SELECT array_agg(s.n ORDER BY s.n) FROM pg_temp.numbers(100) AS s), (SELECT array_agg(s.n ORDER BY s.n) FROM pg_temp.numbers(100) AS s),
    'another sample each time'
);

DELETE FROM runtime.sync_documents AS d WHERE d.doc_key = 'runtime/run_summary:pgtap-sample';
DELETE FROM runtime.sync_stream_events AS e WHERE e.topic = 'runtime.run_summaries';
SELECT is(count(*), 1::bigint, 'a checkpoint whose document is gone')
FROM khala_internal.parity_sample('runtime.run_summaries', 1000) AS s WHERE s.doc_key = 'runtime/run_summary:pgtap-sample';
DELETE FROM runtime.sync_stream_events AS e WHERE e.topic = 'pgtap.sample';
SELECT is(count(*), 40::bigint, 'an empty journal') FROM pg_temp.numbers(40);
SELECT is(count(*), 1::bigint, 'a sample of one') FROM pg_temp.numbers(1);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
