BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(3);

SELECT ok(khala_internal.is_own_topic(t.topic), t.topic || ' is written by Khala') FROM (VALUES ('runtime.run_summaries'), ('lightning.security')) AS t (topic);
SELECT ok(NOT khala_internal.is_own_topic('runtime.notifications'), 'a topic that it does not write');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
