BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(10);

-- Keys and ends; khala.request_codex_worker and khala.stop_codex_worker test the rest.
CREATE FUNCTION pg_temp.act(p_key text, p_payload jsonb DEFAULT '{"request": {}, "requested_by": "ann"}') RETURNS jsonb
LANGUAGE sql AS $$
SELECT khala_internal.act_on_codex_worker('tap-org', 'tap', 'worker.requested', p_payload, p_key) $$;

SELECT khala.append_codex_worker_event('tap', 'worker.started', '{}', 'tap-org');
SELECT is(pg_temp.act('k') #> '{request,seq}', '2'::jsonb, 'the first call appends');
SELECT is(pg_temp.act('k'), pg_temp.act('k'), 'a repeated key has the same response');
SELECT is(pg_temp.act(NULL) #> '{request,seq}', '3'::jsonb, 'without a key each call is another request');
SELECT throws_ok($$SELECT pg_temp.act('k', '{"request": {"a": 1}}')$$, 'KH021', NULL, 'the key of another request');
SELECT throws_ok($$SELECT pg_temp.act('')$$, 'KH020', NULL, 'an empty key');
SELECT throws_ok($$SELECT pg_temp.act(repeat('k', 256))$$, 'KH020', NULL, 'a long key');
SELECT lives_ok($$SELECT pg_temp.act(repeat('k', 255))$$, 'the longest key');
SELECT khala.append_codex_worker_event('tap', 'worker.failed');
SELECT is(pg_temp.act('k') #> '{request,seq}', '2'::jsonb, 'a repeated key has it after the end too');
SELECT throws_ok($$SELECT pg_temp.act('k2')$$, 'KH021', NULL, 'a worker that has ended takes nothing');
SELECT is(
    (SELECT e.latest_seq FROM runtime.codex_workers AS e WHERE e.id = 'tap'), 5::bigint, 'what was refused left nothing behind'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
