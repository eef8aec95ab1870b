BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(4);

-- One text form, whatever the session is set to.
SET LOCAL timezone = 'Asia/Kolkata';
SET LOCAL datestyle = 'SQL, DMY';
SELECT is(khala_internal.iso_timestamp('2026-01-31 23:59:59.000001+00'), '2026-01-31T23:59:59.000001Z', 'UTC, microseconds');
SELECT is(khala_internal.iso_timestamp('2026-01-31 23:59:59+02'), '2026-01-31T21:59:59.000000Z', 'an offset is taken off');
SELECT is(khala_internal.iso_timestamp('0001-01-01 00:00:00+00'), '0001-01-01T00:00:00.000000Z', 'four digits of a year');
SELECT is(khala_internal.iso_timestamp(NULL), NULL, 'no moment, no text');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
