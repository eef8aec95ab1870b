BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(1);

SELECT throws_ok($$SELECT khala_internal.lightning_refuse('missing', 'name', 'Pass it.')$$, 'KH020', 'missing_name', 'the message is in the words of the API');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
