-- Revert khala:attachments from pg

BEGIN;
\ir ../session.sql

DROP TABLE runtime.attachment_set_aside;
DROP TABLE runtime.attachments;

COMMIT;
