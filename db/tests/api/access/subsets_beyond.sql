BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(9);

SELECT is(khala.subsets_beyond(json_build_object('runtime.notifications', khala_internal.make_subset(v.beginnings, v.are_keys)), v.scopes), v.beyond, v.what)
FROM (
    VALUES
    ('{""}'::text[], FALSE, '{runtime.notifications}'::text[], '{}'::text[], 'all keys, and the topic is allowed'),
    ('{""}', FALSE, '{runtime.notifications/a/}', '{runtime.notifications}', 'all keys, and a prefix is'),
    ('{a/b}', FALSE, '{SYNC_TOPIC_RUNTIME_NOTIFICATIONS/a/}', '{}', 'a prefix within it, by the other name'),
    ('{a/b,c}', TRUE, '{runtime.notifications/a/}', '{runtime.notifications}', 'one key outside'),
    ('{a/b,a/c}', TRUE, '{runtime.notifications/a/}', '{}', 'all keys inside'),
    ('{a/}', FALSE, '{runtime.run_summaries}', '{runtime.notifications}', 'another topic is allowed'),
    ('{a/}', FALSE, NULL, '{runtime.notifications}', 'nothing is')
) AS v (beginnings, are_keys, scopes, beyond, what);
SELECT is(
    khala.subsets_beyond('{"SYNC_TOPIC_RUNTIME_NOTIFICATIONS": null, "x": null, "runtime.run_summaries": null}', '{runtime.run_summaries}'),
    '{SYNC_TOPIC_RUNTIME_NOTIFICATIONS,x}', 'by the names used, in their order; unknown ones too'
);
SELECT is(khala.subsets_beyond('{}', '{}'), '{}', 'nothing is subscribed');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
