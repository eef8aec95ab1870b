BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(12);

SET LOCAL synchronous_commit = off;
CREATE TEMP TABLE made AS
SELECT khala.current_epoch() AS before, khala.new_epoch('pgtap') AS epoch;

SELECT isnt(m.epoch, m.before, 'a new epoch begins') FROM made AS m;
SELECT is(khala.current_epoch(), m.epoch, 'and is in force') FROM made AS m;
SELECT results_eq(
    $$SELECT e.reason, e.fingerprint FROM runtime.sync_epochs AS e INNER JOIN made AS m ON e.epoch = m.epoch$$,
    $$SELECT 'pgtap', khala.database_fingerprint()$$, 'its reason and its database are recorded'
);
SELECT is(
    current_setting('synchronous_commit'), 'on', 'a caller that commits asynchronously waits for this commit'
);
SELECT isnt(khala.new_epoch(), khala.new_epoch(), 'every call makes another one');
SELECT is(
    (SELECT e.reason FROM runtime.sync_epochs AS e ORDER BY e.epoch_number DESC LIMIT 1), 'requested',
    'a reason need not be given'
);
SELECT lives_ok('SELECT khala.new_epoch(NULL)', 'nor be more than null');
INSERT INTO runtime.sync_epochs (epoch_number, epoch, reason, fingerprint) VALUES (1000, 'copied', 'test', '1/1/1/1');
DO $$ BEGIN PERFORM khala.new_epoch(); END $$;
SELECT is(
    (SELECT max(e.epoch_number) FROM runtime.sync_epochs AS e), 1001::bigint,
    'it follows epochs that came as rows, with a logical copy'
);

-- What it is for: cursors of the old epoch are refused.
DO $$ BEGIN PERFORM khala.register_topic('pgtap.new_epoch', p_ownership => 'mixed'); END $$;
SELECT throws_ok(
    format('SELECT khala.replay(%L, 0, NULL, p_epoch => %L)', 'pgtap.new_epoch', (SELECT m.before FROM made AS m)),
    'KH003', NULL, 'a cursor of the old epoch is refused'
);
SELECT lives_ok(
    format('SELECT khala.replay(%L, 0, NULL, p_epoch => %L)', 'pgtap.new_epoch', khala.current_epoch()),
    'one of the new epoch is not'
);
SELECT results_eq(
    format(
        'SELECT stale, reason FROM khala.check_cursors(ARRAY[%L], %L, %L)',
        'pgtap.new_epoch', '{"pgtap.new_epoch": 0}', (SELECT m.before FROM made AS m)
    ),
    $$VALUES (TRUE, 'epoch_changed')$$, 'a subscriber is told so'
);
SELECT is(
    (
        SELECT s.page::jsonb ->> 'epoch' FROM khala.snapshot('pgtap.new_epoch', NULL) AS s
    ), khala.current_epoch(), 'and finds the new one in the snapshot'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
