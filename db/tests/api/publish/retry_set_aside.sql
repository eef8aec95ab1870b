BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(7);

DO $$
BEGIN
    PERFORM khala.set_publisher('w', 'webhook', 'http://x'), khala.set_publisher('c', 'convex', 'http://x');
    PERFORM khala.set_publisher_topic('w', 'runtime.run_summaries'), khala.set_publisher_topic('c', 'runtime.run_summaries');
END
$$;
INSERT INTO runtime.publisher_set_aside (publisher, topic, doc_key, watermark, doc_version, deleted, attempts, reason)
SELECT p.publisher, 'runtime.run_summaries', d.doc_key, d.version AS watermark, d.version AS doc_version, FALSE, 1, 'no'
FROM (VALUES ('w'), ('c')) AS p (publisher), (VALUES ('a', 1), ('a', 2), ('b', 3)) AS d (doc_key, version);
SELECT throws_ok($$SELECT khala.retry_set_aside('none')$$, 'KH007', NULL, 'no such publisher');
SELECT is(khala.retry_set_aside('w', 'runtime.run_summaries', 'b'), 1::bigint, 'one document');
SELECT is(khala.retry_set_aside('w', 'no.topic'), 0::bigint, 'another topic');
SELECT is(khala.retry_set_aside('w'), 2::bigint, 'all');
SELECT results_eq(
    $$SELECT u.doc_key, u.watermark, u.state, u.attempts FROM runtime.publisher_updates AS u WHERE u.publisher = 'w' ORDER BY u.watermark$$,
    $$VALUES ('a' COLLATE "C", 1::bigint, 'ready', 0), ('a', 2, 'held', 0), ('b', 3, 'ready', 0)$$, 'in order'
);
DO $$ BEGIN PERFORM khala.retry_set_aside('c'); END $$;
SELECT results_eq(
    $$SELECT u.doc_key, u.watermark, u.state FROM runtime.publisher_updates AS u WHERE u.publisher = 'c' ORDER BY u.watermark$$,
    $$VALUES ('a' COLLATE "C", 2::bigint, 'ready'), ('b', 3, 'ready')$$, 'of kind convex each document once'
);
SELECT is_empty('SELECT * FROM khala.list_set_aside()', 'they are not set aside any more');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
