BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(2);

SELECT is(khala.schema_version(), 1, 'the version this repository deploys');
SELECT volatility_is('khala', 'schema_version', ARRAY[]::name[], 'immutable', 'it changes only by migration');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
