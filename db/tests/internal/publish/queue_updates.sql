BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(8);

DO $$
BEGIN
    PERFORM khala.set_publisher('p', 'webhook', 'http://x'), khala.set_publisher('c', 'convex', 'http://x');
END
$$;
CREATE FUNCTION pg_temp.queue(p text, compact boolean, keys text[], marks bigint[]) RETURNS integer LANGUAGE sql AS $$
SELECT khala_internal.queue_updates(
    p, 'runtime.notifications', compact, keys, marks, marks, array_fill(now(), ARRAY[cardinality(keys)])
)
$$;
SELECT is(pg_temp.queue('p', FALSE, ARRAY['a', 'a', 'b'], ARRAY[1, 2, 3]), 3, 'each version');
SELECT results_eq(
    $$SELECT u.doc_key, u.watermark, u.state FROM runtime.publisher_updates AS u ORDER BY u.watermark$$,
    $$VALUES ('a' COLLATE "C", 1::bigint, 'ready'), ('a', 2, 'held'), ('b', 3, 'ready')$$,
    'the second version of a document waits for the first'
);
SELECT is(pg_temp.queue('p', FALSE, ARRAY['a', 'b'], ARRAY[2, 4]), 1, 'what is queued is not queued again');
SELECT is(pg_temp.queue('c', TRUE, ARRAY['a', 'a', 'b'], ARRAY[1, 2, 3]), 2, 'only the last version');
SELECT is(pg_temp.queue('c', TRUE, ARRAY['a'], ARRAY[5]), 0, 'an update that waits stands for later ones');
UPDATE runtime.publisher_updates SET state = 'claimed' WHERE publisher = 'c' AND doc_key = 'a';
SELECT is(pg_temp.queue('c', TRUE, ARRAY['a'], ARRAY[2]), 0, 'one that is being delivered stands for itself');
SELECT is(pg_temp.queue('c', TRUE, ARRAY['a'], ARRAY[6]), 1, 'and not for later ones');
SELECT is(
    (SELECT u.state FROM runtime.publisher_updates AS u WHERE u.publisher = 'c' AND u.watermark = 6), 'held',
    'those wait for it'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
