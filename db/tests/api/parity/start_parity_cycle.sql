BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(15);

DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.start', p_ownership => 'public');
    PERFORM khala.register_topic('pgtap.empty', p_ownership => 'public');
    PERFORM khala.sink('pgtap.start', 'b', 7, '{"latest_seq": 3, "projected_at": "x"}'), khala.sink('pgtap.start', 'a', 1, '{}');
    PERFORM khala.sink_delete('pgtap.start', 'a', 2);
    INSERT INTO runtime.parity_cycles (cycle, started_at, sampled) VALUES (-1, now() - interval '2 hours', 1);
    INSERT INTO runtime.parity_cycles (cycle, started_at, finished_at, sampled) VALUES (0, now() - interval '2 hours', now(), 1);
END
$$;
CREATE TEMP TABLE started AS SELECT s.cycle, s.topic, s.doc_keys FROM khala.start_parity_cycle(ARRAY['pgtap.start', 'pgtap.empty', 'pgtap.start'], 10) AS s;

SELECT results_eq(
    'SELECT s.topic, s.doc_keys FROM started AS s', $$VALUES ('pgtap.empty', '{}'::text[]), ('pgtap.start', ARRAY['a', 'b'])$$,
    'the sample of each topic, each topic once'
);
SELECT is(count(DISTINCT s.cycle), 1::bigint, 'one cycle') FROM started AS s;
SELECT results_eq(
    'SELECT p.topic, p.doc_key COLLATE "default", p.doc_version, p.seq, p.bare_hash FROM runtime.parity_samples AS p ORDER BY p.doc_key',
    $$VALUES ('pgtap.start', 'a', 2::bigint, NULL::numeric, NULL::bytea), ('pgtap.start', 'b', 7, 3, sha256('{"latest_seq":3}'))$$,
    'what Khala holds is kept'
);
SELECT results_eq(
    'SELECT c.sampled, c.finished_at, c.error, c.started_by FROM runtime.parity_cycles AS c INNER JOIN started AS s ON c.cycle = s.cycle LIMIT 1',
    'SELECT 2, NULL::timestamptz, NULL::text, session_user::text COLLATE "default"', 'the cycle runs'
);
SELECT is(min(s.cycle), 1::bigint, 'cycles are numbered from 1') FROM started AS s;
SELECT is(count(*), 2::bigint, 'one whose process was killed is gone') FROM runtime.parity_cycles;

SELECT throws_ok('SELECT khala.start_parity_cycle(' || v.arguments || ')', v.code, NULL, 'not usable: ' || v.arguments)
FROM (
    VALUES
    ('NULL', 'KH007'), ('''{}''', 'KH007'), ('ARRAY[NULL]::text[]', 'KH007'), ('ARRAY[''pgtap.none'']', 'KH001'),
    ('ARRAY[''pgtap.start'', ''pgtap.none'']', 'KH001'), ('array_fill(''pgtap.start''::text, ARRAY[101])', 'KH007'),
    ('ARRAY[''pgtap.start''], 0', 'KH007'), ('ARRAY[''pgtap.start''], 1001', 'KH007'), ('ARRAY[''pgtap.start''], NULL', 'KH007')
) AS v (arguments, code);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
