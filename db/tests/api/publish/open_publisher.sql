BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(7);

DO $$
BEGIN
    PERFORM khala.set_publisher('w', 'webhook', 'http://x'), khala.set_publisher('c', 'convex', 'http://y');
    PERFORM khala.set_publisher_topic('w', 'runtime.run_summaries'), khala.set_publisher_topic('c', 'runtime.run_summaries');
    PERFORM khala.sink('runtime.run_summaries', 'a', 1, '{}', 'acme');
    PERFORM khala.publisher_next('w'), khala.publisher_next('c');
    PERFORM khala.sink('runtime.run_summaries', 'a', 2, '{}', 'acme');
    PERFORM khala.publisher_next('w'), khala.publisher_next('c');
END
$$;
SELECT results_eq($$SELECT * FROM khala.open_publisher('w')$$, $$VALUES ('open', 'webhook', 'http://x')$$, 'kind and address');
SELECT results_eq($$SELECT * FROM khala.open_publisher('c')$$, $$VALUES ('open', 'convex', 'http://y')$$, 'several in a session');
SELECT results_eq(
    'SELECT u.publisher, u.doc_version, u.state FROM runtime.publisher_updates AS u ORDER BY u.publisher, u.doc_version',
    $$VALUES ('c', 1::bigint, 'ready'), ('w', 1, 'ready'), ('w', 2, 'held')$$,
    'what was claimed is due again; where the latest version counts, once'
);
DO $$ BEGIN PERFORM khala.publisher_next('w', 1, FALSE, '1 hour'), khala.open_publisher('w'); END $$;
SELECT ok(u.state = 'ready' AND u.due_at > now() + interval '50 minutes', 'what may be under way is due when it no longer is')
FROM runtime.publisher_updates AS u WHERE u.publisher = 'w' AND u.doc_version = 1;
SELECT is((SELECT n.updates::text FROM khala.publisher_next('w') AS n), '[]', 'and holds what comes after it');
SELECT throws_ok($$SELECT khala.open_publisher('none')$$, 'KH007', NULL, 'no such publisher');
SELECT throws_ok('SELECT khala.open_publisher(NULL)', 'KH007', NULL, 'no publisher');

-- A session may end a moment after its connection, and that of another file wants these locks.
DO $$ BEGIN PERFORM pg_advisory_unlock_all(); END $$;
SELECT t.line FROM finish() AS t (line);
ROLLBACK;
