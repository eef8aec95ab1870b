BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(3);

UPDATE runtime.sync_topics SET ownership = 'mixed', retention_horizon = '1 hour';
SELECT khala.sink('runtime.notifications', 'k', 1, '{}');
UPDATE runtime.sync_stream_events SET inserted_at = now() - interval '90 minutes';
CREATE FUNCTION pg_temp.topic(p_topic text) RETURNS jsonb LANGUAGE sql AS $$
SELECT t.value FROM jsonb_array_elements(khala.admin_retention('a', '{khala.admin,khala.admin.all}')::jsonb -> 'topics') AS t WHERE t.value ->> 'topic' = p_topic $$;
SELECT is(
    pg_temp.topic('runtime.notifications') - 'oldest_at',
    '{"topic": "runtime.notifications", "retention_floor": 1, "head_watermark": 1, "horizon_s": 3600.000, "oldest_age_s": 5400.000, "overdue_s": 1800.000, "last_purge_at": null, "purges": 0, "purged_events": 0}',
    'a topic'
);
SELECT is(pg_temp.topic('runtime.run_summaries') @> '{"oldest_at": null, "oldest_age_s": null, "overdue_s": null}', TRUE, 'an empty one');
SELECT throws_ok('SELECT khala.admin_retention(''a'', ''{khala.admin}'')', 'KH025', NULL, 'without khala.admin.all');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
