BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(4);

-- Entities below belong to nobody.
UPDATE runtime.sync_topics SET ownership = 'mixed';

-- The total of a progress bar.
CREATE TEMP TABLE before AS SELECT
    khala.count_entities('run') AS runs,
    khala.count_entities('codex_worker') AS workers;
SELECT
    khala.append_run_event('tap-1', 'x') AS event_1,
    khala.append_run_event('tap-1', 'y') AS event_2,
    khala.append_run_event('tap-2', 'x') AS event_3;
SELECT is(khala.count_entities('run'), (SELECT runs + 2 FROM before), 'counts entities, not events');
SELECT is(khala.count_entities('codex_worker'), (SELECT workers FROM before), 'of the kind');
SELECT is(khala.count_entities('job'), 0::bigint, 'there is nothing of an unknown kind');
SELECT function_privs_are('khala', 'count_entities', ARRAY['text'], 'khala_dba', ARRAY['EXECUTE'], 'a DBA may ask');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
