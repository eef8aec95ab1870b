BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(5);

SELECT isnt(khala.current_epoch(), NULL, 'a database that has the schema has an epoch');
SELECT is(
    khala.current_epoch(), (SELECT e.epoch FROM runtime.sync_epochs AS e ORDER BY e.epoch_number DESC LIMIT 1),
    'it is the newest'
);
INSERT INTO runtime.sync_epochs (epoch_number, epoch, reason, fingerprint)
SELECT max(e.epoch_number) + 1, 'pgtap', 'test', khala.database_fingerprint() FROM runtime.sync_epochs AS e;
SELECT is(khala.current_epoch(), 'pgtap', 'a new one is in force at once');

-- What a restored dump looks like: the newest epoch began in a table of another oid.
UPDATE runtime.sync_epochs SET fingerprint = '1/1/1/1' WHERE epoch = 'pgtap';
SELECT is(khala.current_epoch(), NULL, 'none is in force in a restored dump');
DO $$ BEGIN PERFORM khala.ensure_epoch(); END $$;
SELECT isnt(khala.current_epoch(), NULL, 'until it has been made sure of');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
