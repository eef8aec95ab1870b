BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(4);

CREATE FUNCTION pg_temp.view(p_more jsonb) RETURNS jsonb LANGUAGE sql AS $$
SELECT khala_internal.codex_worker_view(
    '{"status": "running", "latest_seq": 3, "heartbeat_at": "2026-01-01T00:00:00.000000Z", "heartbeat_state": "fresh"}'::jsonb
    || p_more, 5, '2026-01-01T00:02:00.5Z'
) $$;
SELECT is(
    pg_temp.view('{}') @> '{"heartbeat_state": "stale", "heartbeat_age_ms": 120500, "projection_lag": 2}', TRUE, 'of that time'
);
SELECT is(
    pg_temp.view('{"heartbeat_at": null}') @> '{"heartbeat_state": "missing", "heartbeat_age_ms": null}', TRUE, 'no heartbeat'
);
SELECT is(pg_temp.view('{"status": "failed"}') ->> 'heartbeat_state', 'failed', 'the end');
SELECT is(pg_temp.view('{"heartbeat_at": "2026-01-01T01:00:00Z"}') -> 'heartbeat_age_ms', '0'::jsonb, 'never negative');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
