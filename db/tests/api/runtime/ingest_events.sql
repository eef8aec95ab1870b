BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(24);

-- Entities below belong to nobody.
UPDATE runtime.sync_topics SET ownership = 'mixed';

-- The bulk path: exactly once, all or nothing, errors with their place.
CREATE FUNCTION pg_temp.event(p_id text, p_seq int, p_type text DEFAULT 'x', p_more jsonb DEFAULT '{}')
RETURNS jsonb LANGUAGE sql AS
$$ SELECT jsonb_build_object('entity', 'run', 'id', p_id, 'seq', p_seq, 'type', p_type) || p_more $$;
CREATE FUNCTION pg_temp.refusal(p_events jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_state text;
    v_detail text;
BEGIN
    PERFORM khala.ingest_events(p_events);
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS v_state = RETURNED_SQLSTATE, v_detail = PG_EXCEPTION_DETAIL;
    RETURN v_state || ' ' || coalesce((nullif(v_detail, '')::jsonb ->> 'ordinal'), '-');
END $$;

SELECT results_eq(
    $$SELECT * FROM khala.ingest_events(jsonb_build_array(
        pg_temp.event('tap-1', 2), pg_temp.event('tap-1', 1, 'run.started', '{"org_id": "tap-org"}'),
        pg_temp.event('tap-2', 1), pg_temp.event('tap-1', 3), pg_temp.event('tap-2', 1),
        pg_temp.event('tap-1', 1, 'worker.started', '{"entity": "codex_worker"}')
    ))$$,
    $$VALUES (6, 5, 1, 3)$$, 'new events in any order, one of them twice'
);
SELECT is(
    (
        SELECT array_agg(id || ' ' || seq || ' ' || event_type ORDER BY id, seq) FROM runtime.run_events
        WHERE id LIKE 'tap-%'
    ),
    ARRAY['tap-1 1 run.started', 'tap-1 2 x', 'tap-1 3 x', 'tap-2 1 x'], 'are all there'
);
SELECT is(
    (
        SELECT (latest_seq, org_id)::text FROM runtime.runs
        WHERE id = 'tap-1'
    ), '(3,tap-org)',
    'the first event in the history fixes the owner'
);
SELECT is(
    (
        SELECT array_agg(doc_key || ' ' || doc_version ORDER BY doc_key) FROM runtime.sync_stream_events
        WHERE doc_key LIKE 'runtime/%_summary:tap-%'
    ),
    ARRAY['runtime/codex_worker_summary:tap-1 1', 'runtime/run_summary:tap-1 3', 'runtime/run_summary:tap-2 1'],
    'every entity is projected once'
);
SELECT results_eq(
    $$SELECT * FROM khala.ingest_events(jsonb_build_array(pg_temp.event('tap-1', 3), pg_temp.event('tap-1', 4)))$$,
    $$VALUES (2, 1, 1, 1)$$, 'what is there is skipped, what follows is appended'
);
SELECT results_eq(
    $$SELECT * FROM khala.ingest_events(jsonb_build_array(pg_temp.event('tap-1', 2), pg_temp.event('tap-1', 4)))$$,
    $$VALUES (2, 0, 2, 0)$$, 'only duplicates: nothing is projected'
);
SELECT results_eq('SELECT * FROM khala.ingest_events(''[]'')', 'VALUES (0, 0, 0, 0)', 'nothing at all');

SELECT is(pg_temp.refusal(NULL), 'KH007 -', 'no array');
SELECT is(pg_temp.refusal('{}'), 'KH007 -', 'an object');
SELECT is(
    pg_temp.refusal((SELECT jsonb_agg(pg_temp.event('tap-9', n)) FROM generate_series(1, 10001) AS n)), 'KH007 -', 'too many'
);
SELECT is(pg_temp.refusal(jsonb_build_array(pg_temp.event('tap-3', 1), 7)), 'KH007 2', 'not an object');
SELECT is(
    pg_temp.refusal(jsonb_build_array(pg_temp.event('tap-3', 1), pg_temp.event('tap-3', 2, 'x', '{"payload": {"n": 1e400}}'))),
    'KH005 2', 'not I-JSON'
);
SELECT is(
    pg_temp.refusal(jsonb_build_array(
        pg_temp.event('tap-3', 1, 'x', jsonb_build_object('payload', jsonb_build_object('a', repeat('a', 1048577))))
    )), 'KH004 1', 'a large payload'
);
SELECT is(
    pg_temp.refusal(jsonb_build_array(pg_temp.event('tap-3', 1), pg_temp.event('tap-3', 3), pg_temp.event('tap-1', 7))),
    'KH009 2', 'a gap inside: the first of the errors'
);
SELECT is(pg_temp.refusal(jsonb_build_array(pg_temp.event('tap-1', 6))), 'KH009 1', 'a gap after what is there');
SELECT is(
    pg_temp.refusal(jsonb_build_array(pg_temp.event('tap-1', 5), pg_temp.event('tap-1', 2, 'other'))),
    'KH009 2', 'other type than what is there'
);
SELECT is(
    pg_temp.refusal(jsonb_build_array(pg_temp.event('tap-1', 2, 'x', '{"payload": {"a": 1}}'))),
    'KH009 1', 'other payload than what is there'
);
SELECT is(
    pg_temp.refusal(jsonb_build_array(pg_temp.event('tap-1', 2, 'x', '{"occurred_at": "2020-01-01T00:00:00Z"}'))),
    'KH009 1', 'other moment than what is there'
);
SELECT is(
    pg_temp.refusal(jsonb_build_array(pg_temp.event('tap-3', 1), pg_temp.event('tap-3', 1, 'other'))),
    'KH009 2', 'other content in the batch itself'
);
SELECT is(
    pg_temp.refusal(jsonb_build_array(pg_temp.event('tap-1', 5, 'x', '{"org_id": "tap-other"}'))), 'KH009 1', 'another owner'
);
SELECT is(
    pg_temp.refusal(jsonb_build_array(pg_temp.event('tap-3', 1), pg_temp.event('tap-3', 2, 'x', '{"org_id": "tap-org"}'))),
    'KH009 2', 'an owner after a public first event'
);
SELECT is((
    SELECT count(*) FROM runtime.entities
    WHERE id = 'tap-3'
), 0::bigint, 'nothing of a refused batch is there');
SELECT is((
    SELECT latest_seq FROM runtime.runs
    WHERE id = 'tap-1'
), 4::bigint, 'nor in a known history');
SELECT function_privs_are('khala', 'ingest_events', ARRAY['jsonb'], 'khala_runtime', ARRAY['EXECUTE'], 'the runtime may ingest');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
