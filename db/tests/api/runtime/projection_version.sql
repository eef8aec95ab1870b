BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(2);

-- The version that checkpoints are compared with.
SELECT cmp_ok(khala.projection_version(), '>', 0, 'is positive');
SELECT volatility_is('khala', 'projection_version', 'immutable', 'changes only with the function');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
