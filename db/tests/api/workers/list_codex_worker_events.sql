BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(12);

SELECT function_privs_are(
    'khala', 'list_codex_worker_events', ARRAY['text', 'text', 'bigint', 'integer'], 'khala_relay', ARRAY['EXECUTE'], 'relays may'
);
CREATE FUNCTION pg_temp.seqs(p_page jsonb) RETURNS text LANGUAGE sql AS $$
SELECT coalesce(string_agg(e.value ->> 'seq', ' ' ORDER BY e.ordinality), '') || ' > ' || (p_page ->> 'next_after') || ' of ' || (p_page ->> 'latest_seq')
FROM jsonb_array_elements(p_page -> 'events') WITH ORDINALITY AS e $$;
SELECT khala.append_codex_worker_event('tap', 'worker.started', '{"a": 1}', 'tap-org', 1, '2026-01-01T00:00:00Z');
SELECT khala.append_codex_worker_event('tap', 'large', jsonb_build_object('n', n, 'x', repeat('x', 600000))) FROM generate_series(1, 3) AS g (n);
SELECT is(pg_temp.seqs(khala.list_codex_worker_events('tap-org', 'tap', 0, 1)), '1 > 1 of 4', 'a page');
SELECT is(pg_temp.seqs(khala.list_codex_worker_events('tap-org', 'tap', 1)), '2 3 > 3 of 4', 'it ends after 1 MiB');
SELECT is(pg_temp.seqs(khala.list_codex_worker_events('tap-org', 'tap', 3)), '4 > 4 of 4', 'the last');
SELECT is(pg_temp.seqs(khala.list_codex_worker_events('tap-org', 'tap', 9)), ' > 9 of 4', 'nothing more');
SELECT is(
    khala.list_codex_worker_events('tap-org', 'tap', 0, 1) #> '{events,0}' @> '{"seq": 1, "type": "worker.started", "payload": {"a": 1}, "occurred_at": "2026-01-01T00:00:00.000000Z"}',
    TRUE, 'an event'
);
SELECT throws_ok('SELECT khala.list_codex_worker_events(' || v.arguments || ')', v.code, NULL, v.arguments)
FROM (
    VALUES
    ('''tap-org'', ''tap'', -1', 'KH020'), ('''tap-org'', ''tap'', NULL', 'KH020'), ('''tap-org'', ''tap'', 0, 0', 'KH020'),
    ('''tap-org'', ''tap'', 0, 1001', 'KH020'), ('''tap-other'', ''tap''', 'KH023'), ('''tap-org'', ''tap-none''', 'KH023')
) AS v (arguments, code);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
