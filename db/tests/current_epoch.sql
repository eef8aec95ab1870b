BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(3);

SELECT isnt(khala.current_epoch(), NULL, 'a database that has the schema has an epoch');
SELECT is(
    khala.current_epoch(), (SELECT e.epoch FROM runtime.sync_epochs AS e ORDER BY e.epoch_number DESC LIMIT 1),
    'it is the newest'
);
INSERT INTO runtime.sync_epochs (epoch, reason, fingerprint) VALUES ('pgtap', 'test', '');
SELECT is(khala.current_epoch(), 'pgtap', 'a new one is in force at once');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
