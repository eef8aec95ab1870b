BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(6);

SELECT matches(khala.database_fingerprint(), '^[0-9]+/[0-9]+/[0-9]+/[0-9]+$', 'four numbers');
SELECT is(
    split_part(khala.database_fingerprint(), '/', 1), (SELECT s.system_identifier::text FROM pg_control_system() AS s),
    'the server'
);
SELECT is(
    split_part(khala.database_fingerprint(), '/', 2),
    (SELECT c.timeline_id::text FROM pg_control_checkpoint() AS c), 'its timeline'
);
SELECT is(
    split_part(khala.database_fingerprint(), '/', 3),
    (SELECT d.oid::text FROM pg_database AS d WHERE d.datname = current_database()), 'the database'
);
SELECT is(
    split_part(khala.database_fingerprint(), '/', 4), pg_relation_filenode('runtime.sync_epochs')::text,
    'the file of the table, which a restored dump has made anew'
);
TRUNCATE runtime.sync_epochs;
SELECT is(
    split_part(khala.database_fingerprint(), '/', 4), pg_relation_filenode('runtime.sync_epochs')::text,
    'and so has who puts only the rows back'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
