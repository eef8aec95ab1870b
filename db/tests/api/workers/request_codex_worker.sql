BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(15);

SELECT function_privs_are(
    'khala', 'request_codex_worker', ARRAY['text', 'text', 'jsonb', 'text', 'text'], 'khala_relay', ARRAY['EXECUTE'], 'relays may'
);
SELECT function_privs_are(
    'khala', 'request_codex_worker', ARRAY['text', 'text', 'jsonb', 'text', 'text'], 'khala_runtime', '{}', 'a runtime may not'
);
SELECT khala.append_codex_worker_event('tap', 'worker.started', '{}', 'tap-org', 1);
SELECT is(
    khala.request_codex_worker('tap-org', 'tap', '{"a": 1}', 'ann', 'k') @> '{"request": {"seq": 2, "action": "request", "request": {"a": 1}, "requested_by": "ann"}}',
    TRUE, 'a request'
);
SELECT is(khala.request_codex_worker('tap-org', 'tap', '{"a": 1}', 'ann', 'k') #> '{request,seq}', '2'::jsonb, 'the same again');
SELECT is(
    (
        SELECT (d.doc_version, d.payload ->> 'status', d.payload ->> 'latest_event_type')::text FROM runtime.sync_documents AS d
        WHERE d.topic = 'runtime.codex_worker_summaries'
    ), '(2,running,worker.requested)', 'subscribers see an event'
);
SELECT results_eq(
    $$SELECT seq, outcome FROM khala.append_codex_worker_event('tap', 'worker.busy', '{}', NULL, 2)$$,
    $$VALUES (2::bigint, 'appended')$$, 'the worker goes on counting its own'
);
SELECT throws_ok('SELECT khala.request_codex_worker(' || v.arguments || ')', v.code, NULL, left(v.arguments, 60))
FROM (
    VALUES
    ('''tap-org'', ''tap'', ''[]'', ''ann''', 'KH020'), ('''tap-org'', ''tap'', NULL, ''ann''', 'KH020'),
    ('''tap-org'', ''tap'', ''{"a": 1e400}'', ''ann''', 'KH005'),
    ('''tap-org'', ''tap'', jsonb_build_object(''a'', repeat(''a'', 1048577)), ''ann''', 'KH004'),
    ('''tap-other'', ''tap'', ''{}'', ''ann''', 'KH023'), ('NULL, ''tap'', ''{}'', ''ann''', 'KH023'),
    ('''tap-org'', ''tap-none'', ''{}'', ''ann''', 'KH023'), ('''tap-org'', ''tap'', ''{"b": 1}'', ''ann'', ''k''', 'KH021')
) AS v (arguments, code);
SELECT khala.append_codex_worker_event('tap', 'worker.stopped');
SELECT throws_ok($$SELECT khala.request_codex_worker('tap-org', 'tap', '{}', 'ann')$$, 'KH021', NULL, 'it has ended');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
