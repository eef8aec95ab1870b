BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(6);

SELECT is_empty('SELECT * FROM khala.publisher_stats', 'none at first');
DO $$
BEGIN
    PERFORM khala.set_publisher('w', 'webhook', 'http://x');
    PERFORM khala.set_publisher_topic('w', 'runtime.run_summaries');
    PERFORM khala.sink('runtime.run_summaries', 'a', 1, '{}', 'acme');
END
$$;
SELECT results_eq(
    'SELECT s.state, s.unread, s.waiting, s.in_flight, s.set_aside FROM khala.publisher_stats AS s',
    $$VALUES ('stopped', 1::bigint, 0::bigint, 0::bigint, 0::bigint)$$, 'nobody works on it, and everything is unread'
);
DO $$
BEGIN
    PERFORM khala.open_publisher('w'), khala.publisher_next('w');
    PERFORM khala.sink('runtime.run_summaries', 'a', 2, '{}', 'acme');
END
$$;
SELECT results_eq(
    'SELECT s.state, s.worker_pid, s.unread, s.waiting, s.in_flight, s.oldest_age_s >= 0 FROM khala.publisher_stats AS s',
    $$VALUES ('running', pg_backend_pid(), 1::bigint, 0::bigint, 1::bigint, TRUE)$$, 'this session does'
);
UPDATE runtime.publishers SET failures = 8;
SELECT is((SELECT s.state FROM khala.publisher_stats AS s), 'down', 'down');
UPDATE runtime.publishers SET paused = TRUE;
SELECT is((SELECT s.state FROM khala.publisher_stats AS s), 'paused', 'paused');
UPDATE runtime.publishers SET paused = FALSE, failures = 0;
UPDATE runtime.publisher_topics SET snapshot_key = 'a';
SELECT is((SELECT s.state FROM khala.publisher_stats AS s), 'resyncing', 'resyncing');

-- A session may end a moment after its connection, and that of another file wants these locks.
DO $$ BEGIN PERFORM pg_advisory_unlock_all(); END $$;
SELECT t.line FROM finish() AS t (line);
ROLLBACK;
