BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(8);

DO $$
BEGIN
    PERFORM khala.set_publisher('w', 'webhook', 'http://x');
    PERFORM khala.set_publisher_topic('w', 'runtime.run_summaries'), khala.set_publisher_topic('w', 'runtime.notifications');
    PERFORM khala.sink(t.topic, 'a', 1, '{}', 'acme') FROM (VALUES ('runtime.run_summaries'), ('runtime.notifications')) AS t (topic);
    PERFORM khala.publisher_next('w');
END
$$;
INSERT INTO runtime.publisher_set_aside VALUES ('w', 'runtime.notifications', 'b', 9, 1, FALSE, 1, 'no');
SELECT throws_ok($$SELECT khala.remove_publisher('none')$$, 'KH007', NULL, 'no such publisher');
SELECT throws_ok($$SELECT khala.remove_publisher('w', 'no.topic')$$, 'KH007', NULL, 'no such topic of it');
SELECT results_eq(
    $$SELECT * FROM khala.remove_publisher('w', 'runtime.run_summaries')$$, 'VALUES (1::bigint, 0::bigint)', 'one topic'
);
SELECT results_eq(
    'SELECT u.topic FROM runtime.publisher_updates AS u', $$VALUES ('runtime.notifications')$$, 'the other one stays'
);
SELECT results_eq($$SELECT * FROM khala.remove_publisher('w')$$, 'VALUES (1::bigint, 1::bigint)', 'the whole publisher');
SELECT is_empty('SELECT FROM runtime.publishers', 'it is gone');
SELECT is_empty('SELECT FROM runtime.publisher_updates', 'with its queue');
SELECT is_empty('SELECT FROM runtime.publisher_set_aside', 'and what was set aside');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
