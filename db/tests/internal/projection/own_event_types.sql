BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(9);

-- Types that no writer may use.
SELECT ok(ARRAY['worker.stale'] <@ khala_internal.own_event_types(), 'a mark of Khala''s');
SELECT ok(NOT ARRAY['worker.heartbeat'] <@ khala_internal.own_event_types(), 'no heartbeat');
SELECT throws_ok(
    format('SELECT khala.append_codex_worker_event(%L, %L)', 'tap', o.type), 'KH007', NULL, 'refused: ' || o.type
)
FROM unnest(khala_internal.own_event_types()) AS o (type);
SELECT volatility_is('khala_internal', 'own_event_types', 'immutable', 'changes only with the function');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
