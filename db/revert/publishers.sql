-- Revert khala:publishers from pg

BEGIN;
\ir ../session.sql

DROP TABLE runtime.publisher_set_aside;
DROP TABLE runtime.publisher_updates;
DROP TABLE runtime.publisher_topics;
DROP TABLE runtime.publishers;

COMMIT;
