BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(14);

DO $$
BEGIN
    PERFORM khala.set_publisher('c', 'convex', 'http://x'), khala.set_publisher('w', 'webhook', 'http://x');
    PERFORM khala.register_topic('shop.orders', p_enum_name => 'SYNC_TOPIC_SHOP_ORDERS');
END
$$;
SELECT results_eq(
    format('SELECT * FROM khala.set_publisher_topic(''c'', %L)', d.topic), format('VALUES (%L, %L, NULL)', d.topic, d.target), d.topic
)
FROM (VALUES
    ('runtime.run_summaries', 'runtime:upsertRunSummary'),
    ('runtime.codex_worker_summaries', 'runtime:upsertCodexWorkerSummary')
) AS d (topic, target);
SELECT results_eq(
    $$SELECT * FROM khala.set_publisher_topic('w', 'SYNC_TOPIC_SHOP_ORDERS')$$,
    $$VALUES ('shop.orders', 'document.updated', 'document.deleted')$$, 'webhooks have types of events; either name'
);
SELECT results_eq(
    $$SELECT * FROM khala.set_publisher_topic('c', 'shop.orders', 'shop:upsert')$$, $$VALUES ('shop.orders', 'shop:upsert', NULL)$$, 'a mutation'
);
SELECT results_eq(
    $$SELECT * FROM khala.set_publisher_topic('c', 'shop.orders', p_delete_target => 'shop:remove')$$,
    $$VALUES ('shop.orders', 'shop:upsert', 'shop:remove')$$, 'what is not given stays'
);
UPDATE runtime.publisher_topics SET cursor_watermark = 7 WHERE topic = 'shop.orders' AND publisher = 'c';
DO $$ BEGIN PERFORM khala.set_publisher_topic('c', 'shop.orders', 'shop:other'); END $$;
SELECT is(
    (SELECT t.cursor_watermark FROM runtime.publisher_topics AS t WHERE t.topic = 'shop.orders' AND t.publisher = 'c'), 7::bigint,
    'a change of the target leaves the cursor'
);
SELECT throws_ok($$SELECT khala.set_publisher_topic('none', 'shop.orders')$$, 'KH007', NULL, 'no such publisher');
SELECT throws_ok($$SELECT khala.set_publisher_topic(NULL, 'shop.orders')$$, 'KH007', NULL, 'no publisher');
SELECT throws_ok($$SELECT khala.set_publisher_topic('c', 'no.topic', 'a:b')$$, 'KH001', NULL, 'no such topic');
SELECT throws_ok($$SELECT khala.set_publisher_topic('c', NULL, 'a:b')$$, 'KH001', NULL, 'no topic');
SELECT throws_ok($$SELECT khala.set_publisher_topic('c', 'runtime.notifications')$$, 'KH007', NULL, 'a topic without a mutation of its own');
SELECT throws_ok(format($$SELECT khala.set_publisher_topic('c', 'shop.orders', %L)$$, t.target), 'KH007', NULL, 'no mutation: ' || t.target)
FROM (VALUES (''), ('upsert'), ('a: b')) AS t (target);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
