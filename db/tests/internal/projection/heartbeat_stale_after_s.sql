BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(2);

SELECT is(khala_internal.heartbeat_stale_after_s(), 120, 'two minutes');
SELECT volatility_is('khala_internal', 'heartbeat_stale_after_s', 'immutable', 'changes only with the function');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
