BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(6);

SELECT khala.append_codex_worker_event('tap', 'worker.started', '{}', 'tap-org');
SELECT is(khala_internal.standing_stop('tap'), NULL, 'nobody has requested one');
SELECT khala.stop_codex_worker('tap-org', 'tap', NULL, 'ann');
SELECT is(khala_internal.standing_stop('tap'), 2::bigint, 'the request');
SELECT khala.append_codex_worker_event('tap', 'worker.started');
SELECT is(khala_internal.standing_stop('tap'), 2::bigint, 'a start after a crash does not void it');
SELECT khala.append_codex_worker_event('tap', 'worker.stopped');
SELECT is(khala_internal.standing_stop('tap'), NULL, 'the worker has obeyed');
SELECT khala.append_codex_worker_event('tap', 'worker.started');
SELECT is(khala_internal.standing_stop('tap'), NULL, 'and may start again');
SELECT is(khala_internal.standing_stop('tap-none'), NULL, 'an unknown worker');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
