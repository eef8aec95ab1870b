BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(9);

CREATE TEMP TABLE made AS
SELECT khala.ensure_epoch() AS epoch;
SELECT is(khala.current_epoch(), m.epoch, 'it answers the epoch in force') FROM made AS m;
SELECT is(khala.ensure_epoch(), m.epoch, 'which stays while the database is the same') FROM made AS m;

-- A dump restored elsewhere, a copy, a promoted standby: the newest epoch began on another database.
INSERT INTO runtime.sync_epochs (epoch_number, epoch, reason, fingerprint)
SELECT max(e.epoch_number) + 1, 'pgtap origin', 'test', '1/1/1/1' FROM runtime.sync_epochs AS e;
CREATE TEMP TABLE restored AS
SELECT khala.ensure_epoch() AS epoch;
SELECT isnt(r.epoch, 'pgtap origin', 'an epoch that began on another database ends') FROM restored AS r;
SELECT isnt(r.epoch, m.epoch, 'and no older one comes back') FROM restored AS r, made AS m;
SELECT is(khala.current_epoch(), r.epoch, 'the new one is in force') FROM restored AS r;
SELECT is(
    (SELECT e.reason FROM runtime.sync_epochs AS e ORDER BY e.epoch_number DESC LIMIT 1),
    'database restored, copied or promoted', 'the reason is recorded'
);
SELECT is(khala.ensure_epoch(), r.epoch, 'once') FROM restored AS r;

DELETE FROM runtime.sync_epochs;
SELECT isnt(khala.ensure_epoch(), NULL, 'a database without an epoch gets one');
SELECT is((SELECT e.reason FROM runtime.sync_epochs AS e), 'first', 'its first');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
