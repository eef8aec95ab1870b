BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(6);

DO $$ BEGIN PERFORM khala.set_publisher('p', 'webhook', 'http://x'); END $$;
SELECT is((SELECT w.kind FROM khala_internal.publisher_at_work('p') AS w), 'webhook', 'its row');
SELECT ok(
    EXISTS (
        SELECT FROM pg_locks AS l
        WHERE l.locktype = 'advisory' AND l.granted AND l.pid = pg_backend_pid()
            AND (l.classid::bigint << 32 | l.objid::bigint) = (SELECT p.lock_key FROM runtime.publishers AS p WHERE p.publisher = 'p')
    ),
    'no other session is its worker until this transaction ends'
);
SET LOCAL synchronous_commit = off;
DO $$ BEGIN PERFORM khala.publisher_next('p'); END $$;
SELECT is(current_setting('synchronous_commit'), 'on', 'a crash must not take a claim back');
SET LOCAL synchronous_commit = remote_apply;
DO $$ BEGIN PERFORM khala.publisher_report('p', '[]'); END $$;
SELECT is(current_setting('synchronous_commit'), 'remote_apply', 'one that waits for more does so');
SELECT throws_ok($$SELECT khala_internal.publisher_at_work('none')$$, 'KH007', NULL, 'no such publisher');
SELECT throws_ok('SELECT khala_internal.publisher_at_work(NULL)', 'KH007', NULL, 'no publisher');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
