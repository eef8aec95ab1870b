BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(5);

DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.rows');
    PERFORM khala.sink('pgtap.rows', 'k', i, jsonb_build_object('t', repeat('x', 1000))) FROM generate_series(1, 5) AS s (i);
END
$$;
SELECT is(khala_internal.feed_until('pgtap.rows', 5, 5, 200, 100000), 5::bigint, 'at the head there is no page');
SELECT is(khala_internal.feed_until('pgtap.rows', 0, 5, 200, 100000), 5::bigint, 'up to the head');
SELECT is(khala_internal.feed_until('pgtap.rows', 1, 5, 2, 100000), 3::bigint, 'as many as asked for');
SELECT is(khala_internal.feed_until('pgtap.rows', 0, 5, 200, 2700), 2::bigint, 'as many as there is room for');
SELECT is(khala_internal.feed_until('pgtap.rows', 0, 5, 200, 1), 1::bigint, 'though never less than one');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
