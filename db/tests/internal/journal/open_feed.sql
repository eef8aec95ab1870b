BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(9);

DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.rows', p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.rows', 'k', i, jsonb_build_object('t', repeat('x', 1000))) FROM generate_series(1, 5) AS s (i);
END
$$;
SELECT is((SELECT p.until FROM khala_internal.open_feed('pgtap.rows', 5, 200, 100000, NULL) AS p), 5::bigint, 'at the head there is no page');
SELECT is((SELECT p.until FROM khala_internal.open_feed('pgtap.rows', 0, 200, 100000, NULL) AS p), 5::bigint, 'up to the head');
SELECT is((SELECT p.until FROM khala_internal.open_feed('pgtap.rows', 1, 2, 100000, NULL) AS p), 3::bigint, 'as many as asked for');
SELECT is((SELECT p.until FROM khala_internal.open_feed('pgtap.rows', 0, 200, 2700, NULL) AS p), 2::bigint, 'as many as there is room for');
SELECT is((SELECT p.until FROM khala_internal.open_feed('pgtap.rows', 0, 200, 1, NULL) AS p), 1::bigint, 'though never less than one');
SELECT results_eq(
    $$SELECT p.topic, p.after, p.head_watermark FROM khala_internal.open_feed('pgtap.rows', 1, 2, 100000, NULL) AS p$$,
    $$VALUES ('pgtap.rows', 1::bigint, 5::bigint)$$, 'what else a page is made of'
);
SELECT throws_ok('SELECT khala_internal.open_feed(' || v.arguments || ')', v.state, NULL, v.what)
FROM (
    VALUES
    ('''pgtap.rows'', 0, 0, 1, NULL', 'KH007', 'a page of no updates'),
    ('''pgtap.rows'', 6, 1, 1, NULL', 'KH003', 'a cursor beyond the head'),
    ('''pgtap.unknown'', 0, 1, 1, NULL', 'KH001', 'an unknown topic')
) AS v (arguments, state, what);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
