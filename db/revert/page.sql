-- Revert khala:page from pg

BEGIN;
\ir ../session.sql

DROP TABLE runtime.activity_heads;
DROP TABLE runtime.activity;
DROP TABLE runtime.relay_reports;
DROP TABLE runtime.page_sessions;

COMMIT;
