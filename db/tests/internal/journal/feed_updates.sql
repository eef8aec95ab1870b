BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(2);

DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.rows', p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.rows', 'public', 1, '{"n":1}');
    PERFORM khala.sink('pgtap.rows', 'moves', 1, '{"n":2}', 'a');
    PERFORM khala.sink('pgtap.rows', 'moves', 2, '{"n":2}', 'b');
    PERFORM khala.sink('pgtap.rows', 'moves', 3, '{"n":2}');
    PERFORM khala.sink('pgtap.rows', 'moves', 4, '{"n":2}', 'c');
END
$$;
SELECT results_eq(
    $$SELECT u.watermark, u.org_id, u.except_org_id, u.deleted
      FROM khala_internal.feed_updates('pgtap.rows', 0, 5) AS u ORDER BY u.watermark, u.deleted$$,
    $$VALUES (1::bigint, NULL, NULL, FALSE), (2, 'a', NULL, FALSE), (3, 'b', NULL, FALSE), (3, 'a', NULL, TRUE),
      (4, NULL, NULL, FALSE), (5, 'c', NULL, FALSE), (5, NULL, 'c', TRUE)$$,
    'who is told what as a document moves'
);
SELECT results_eq(
    'SELECT u.watermark FROM khala_internal.feed_updates(''pgtap.rows'', 1, 2) AS u', 'VALUES (2::bigint)', 'only the range asked for'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
