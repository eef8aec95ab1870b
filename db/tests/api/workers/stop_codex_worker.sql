BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(13);

SELECT function_privs_are(
    'khala', 'stop_codex_worker', ARRAY['text', 'text', 'text', 'text', 'text'], 'khala_relay', ARRAY['EXECUTE'], 'relays may'
);
CREATE FUNCTION pg_temp.status() RETURNS text LANGUAGE sql AS $$
SELECT d.payload ->> 'status' FROM runtime.sync_documents AS d WHERE d.topic = 'runtime.codex_worker_summaries' $$;
SELECT khala.append_codex_worker_event('tap', 'worker.started', '{}', 'tap-org');
SELECT is(
    khala.stop_codex_worker('tap-org', 'tap', 'why', 'ann') @> '{"request": {"seq": 2, "action": "stop", "reason": "why", "requested_by": "ann"}}',
    TRUE, 'a request to stop'
);
SELECT is(pg_temp.status(), 'stopping', 'it is stopping');
SELECT is(
    khala.stop_codex_worker('tap-org', 'tap', 'other', 'bob', 'k') @> '{"request": {"seq": 2, "reason": "why", "requested_by": "ann"}}',
    TRUE, 'two stops are one'
);
SELECT is((SELECT e.latest_seq FROM runtime.codex_workers AS e WHERE e.id = 'tap'), 2::bigint, 'one event');
SELECT throws_ok('SELECT khala.stop_codex_worker(' || v.arguments || ')', v.code, NULL, left(v.arguments, 60))
FROM (
    VALUES
    ('''tap-org'', ''tap'', repeat(''r'', 501), ''ann''', 'KH020'), ('''tap-org'', ''tap'', NULL, ''ann'', ''''', 'KH020'),
    ('''tap-other'', ''tap'', NULL, ''ann''', 'KH023'), ('''tap-org'', ''tap-none'', NULL, ''ann''', 'KH023')
) AS v (arguments, code);
SELECT khala.append_codex_worker_event('tap', 'worker.stopped');
SELECT is(pg_temp.status(), 'stopped', 'it has obeyed');
SELECT throws_ok($$SELECT khala.stop_codex_worker('tap-org', 'tap', NULL, 'ann')$$, 'KH021', NULL, 'it has ended');
SELECT is(
    khala.stop_codex_worker('tap-org', 'tap', 'other', 'bob', 'k') #> '{request,seq}', '2'::jsonb, 'a key is remembered after the end'
);
SELECT khala.append_codex_worker_event('tap', 'worker.started');
SELECT is(khala.stop_codex_worker('tap-org', 'tap', NULL, 'ann') #> '{request,seq}', '5'::jsonb, 'the next life has a stop of its own');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
