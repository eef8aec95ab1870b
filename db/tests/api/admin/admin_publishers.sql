BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(5);

UPDATE runtime.sync_topics SET ownership = 'mixed';
SELECT is(khala.admin_publishers('a', '{khala.admin,khala.admin.all}')::jsonb, '{"publishers": [], "set_aside": []}', 'none');
SELECT khala.set_publisher('hook', 'webhook', 'https://hook.invalid/path?key=secret');
SELECT is(
    (khala.admin_publishers('a', '{khala.admin,khala.admin.all}') -> 'publishers' -> 0)::jsonb,
    '{"publisher": "hook", "kind": "webhook", "url": "https://hook.invalid/path", "state": "stopped", "last_delivery_at": null, "last_error_at": null, "last_error": null, "topics": []}',
    'a publisher without topics'
);
SELECT khala.set_publisher_topic('hook', 'runtime.notifications');
SELECT khala.set_publisher_topic('hook', 'runtime.run_summaries');
UPDATE runtime.publishers SET last_error_at = '2026-03-04 05:06:07.25+00', last_error = 'no';
INSERT INTO runtime.publisher_set_aside VALUES ('hook', 'runtime.notifications', 'k', 1, 2, FALSE, 3, 'no', '2026-03-04 05:06:07+00');
SELECT is(
    (SELECT concat_ws(' ', json_array_length(p.value -> 'topics'), p.value -> 'topics' -> 0 ->> 'topic', p.value -> 'topics' -> 0 ->> 'set_aside', p.value ->> 'last_error_at')
    FROM json_array_elements(khala.admin_publishers('a', '{khala.admin,khala.admin.all}') -> 'publishers') AS p),
    '2 runtime.notifications 1 2026-03-04T05:06:07.250000Z', 'with topics'
);
SELECT is(
    (khala.admin_publishers('a', '{khala.admin,khala.admin.all}') -> 'set_aside')::jsonb,
    '[{"publisher": "hook", "topic": "runtime.notifications", "doc_key": "k", "watermark": 1, "doc_version": 2, "deleted": false, "attempts": 3, "reason": "no", "set_aside_at": "2026-03-04T05:06:07.000000Z"}]',
    'what was set aside'
);
SELECT throws_ok('SELECT khala.admin_publishers(''a'', ''{khala.admin}'')', 'KH025', NULL, 'without khala.admin.all');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
