BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(3);

SELECT is(khala.list_publishers(), '[]', 'none at first');
DO $$
BEGIN
    PERFORM khala.set_publisher('w', 'webhook', 'http://x'), khala.set_publisher('c', 'convex', 'http://y');
    PERFORM khala.set_publisher_topic('w', 'runtime.run_summaries'), khala.set_publisher_topic('w', 'runtime.notifications');
END
$$;
SELECT is(
    jsonb_path_query_array(khala.list_publishers(), '$[*].topic'), '[null, "runtime.notifications", "runtime.run_summaries"]',
    'a row for each topic, and one for a publisher without'
);
SELECT is(jsonb_path_query_array(khala.list_publishers('c'), '$[*].publisher'), '["c"]', 'one of them');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
