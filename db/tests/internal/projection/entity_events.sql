BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(4);

SELECT khala.append_run_event('tap', 'run.started', '{}', 'tap-org');
SELECT khala.append_codex_worker_event('tap', 'worker.started', '{}', 'tap-org');
SELECT is(
    khala_internal.entity_events(k.kind, 'tap-org', 'tap', 0, 9) #>> '{events,0,type}', k.type, 'a history of ' || k.kind
) FROM (VALUES ('run', 'run.started'), ('codex_worker', 'worker.started')) AS k (kind, type);
SELECT throws_ok($$SELECT khala_internal.entity_events('run', 'tap-org', 'tap', 0, NULL)$$, 'KH020', NULL, 'a page has a size');
SELECT throws_ok($$SELECT khala_internal.entity_events('other', 'tap-org', 'tap', 0, 9)$$, 'KH023', NULL, 'no other kind');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
