BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(32);

DO $$
BEGIN
    PERFORM khala.set_publisher('w', 'webhook', 'http://x'), khala.set_publisher('c', 'convex', 'http://y');
    PERFORM khala.register_topic('next.pointers', p_payload_mode => 'pointer', p_ownership => 'mixed');
    PERFORM khala.set_publisher_topic('w', 'next.pointers'), khala.set_publisher_topic('w', 'runtime.run_summaries');
    PERFORM khala.set_publisher_topic('c', 'next.pointers', 'n:up');
END
$$;
CREATE FUNCTION pg_temp.next(p text, many integer DEFAULT 10)
RETURNS TABLE (topic text, doc_key text, doc_version bigint, deleted boolean, org_id text, target text, attempts integer, payload jsonb)
LANGUAGE sql AS $$
SELECT u.* FROM khala.publisher_next(p, many) AS n
CROSS JOIN LATERAL json_to_recordset(n.updates) AS u (
    topic text, doc_key text, doc_version bigint, deleted boolean, org_id text, target text, attempts integer, payload jsonb
)
$$;
CREATE FUNCTION pg_temp.results(p text) RETURNS jsonb LANGUAGE sql AS $$
SELECT coalesce(jsonb_agg(jsonb_build_object('topic', u.topic, 'doc_key', u.doc_key, 'watermark', u.watermark, 'outcome', 'delivered')), '[]')
FROM runtime.publisher_updates AS u WHERE u.publisher = p AND u.state = 'claimed'
$$;
CREATE FUNCTION pg_temp.done(p text) RETURNS void LANGUAGE sql AS $$
SELECT khala.publisher_report(p, pg_temp.results(p))
$$;

SELECT results_eq(
    $$SELECT n.state, n.wait_s, n.updates::text FROM khala.publisher_next('w') AS n$$, $$VALUES ('idle', NULL::numeric, '[]')$$, 'nothing is there'
);
DO $$
BEGIN
    PERFORM khala.sink('runtime.run_summaries', 'a', 1, '{"n": 1}', 'acme');
    PERFORM khala.sink('runtime.run_summaries', 'a', 2, '{"n": 2}', 'acme');
    PERFORM khala.sink('runtime.run_summaries', 'b', 1, '{"n": 3}', 'other');
END
$$;
SELECT results_eq(
    $$SELECT n.doc_key, n.doc_version, n.org_id, n.target, n.attempts, n.payload FROM pg_temp.next('w') AS n$$,
    $$VALUES ('a', 1::bigint, 'acme', 'document.updated', 0, '{"n": 1}'::jsonb), ('b', 1, 'other', 'document.updated', 0, '{"n": 3}')$$,
    'one version of each document, as it was written, of all organisations'
);
SELECT is_empty($$SELECT * FROM pg_temp.next('w')$$, 'what is claimed is not claimed again, and holds what is behind it');
SELECT is((SELECT n.state FROM khala.publisher_next('w') AS n), 'idle', 'nothing is due');
SELECT results_eq(
    $$SELECT u.doc_key, u.doc_version, u.payload
      FROM khala.publisher_next('w', p_results => pg_temp.results('w')) AS n
      CROSS JOIN LATERAL json_to_recordset(n.updates) AS u (doc_key text, doc_version bigint, payload jsonb)$$,
    $$VALUES ('a', 2::bigint, '{"n": 2}'::jsonb)$$, 'with the results of those, the next version'
);
DO $$ BEGIN PERFORM pg_temp.done('w'); PERFORM khala.sink_delete('runtime.run_summaries', 'b', 2); END $$;
SELECT results_eq(
    $$SELECT n.doc_key, n.deleted, n.target, n.payload FROM pg_temp.next('w') AS n$$,
    $$VALUES ('b', TRUE, 'document.deleted', NULL::jsonb)$$, 'a tombstone is an event'
);
DO $$ BEGIN PERFORM pg_temp.done('w'); END $$;

DO $$
BEGIN
    PERFORM khala.sink('next.pointers', 'p', 1, '{"n": 1}'), khala.sink('next.pointers', 'q', 1, '{"n": 1}', 'acme');
END
$$;
SELECT results_eq(
    $$SELECT n.doc_key, n.payload FROM pg_temp.next('c') AS n$$, $$VALUES ('p', '{"n": 1}'::jsonb), ('q', '{"n": 1}')$$,
    'what the journal does not carry is read'
);
DO $$
BEGIN
    PERFORM pg_temp.done('c');
    PERFORM khala.sink('next.pointers', 'p', 2, '{"n": 2}'), khala.sink('next.pointers', 'p', 3, '{"n": 3}');
    PERFORM khala_internal.take_updates('w', 'next.pointers', FALSE, 10);
END
$$;
SELECT results_eq(
    $$SELECT n.doc_key, n.doc_version, n.payload FROM pg_temp.next('c') AS n$$, $$VALUES ('p', 3::bigint, '{"n": 3}'::jsonb)$$,
    'of kind convex the latest version alone'
);
SELECT results_eq(
    $$SELECT n.doc_key, n.doc_version, n.payload FROM pg_temp.next('w') AS n$$,
    $$VALUES ('p', 1::bigint, NULL::jsonb), ('q', 1, '{"n": 1}')$$, 'a version that is stored nowhere any more has no payload'
);
DO $$ BEGIN PERFORM pg_temp.done('c'), pg_temp.done('w'); END $$;
SELECT is((SELECT count(*) FROM pg_temp.next('w')), 1::bigint, 'the version behind it');
DO $$ BEGIN PERFORM pg_temp.done('w'); END $$;

DO $$ BEGIN PERFORM khala.sink_delete('next.pointers', 'p', 4); END $$;
SELECT is_empty($$SELECT * FROM pg_temp.next('c')$$, 'a tombstone without a target is not claimed');
SELECT results_eq(
    'SELECT a.doc_key, a.doc_version, a.deleted FROM khala.list_set_aside(''c'') AS a', $$VALUES ('p', 4::bigint, TRUE)$$, 'but set aside'
);
SELECT is((SELECT t.refused FROM runtime.publisher_topics AS t WHERE t.publisher = 'c'), 1::bigint, 'and counted');

SELECT is((SELECT count(*) FROM pg_temp.next('w', 1)), 1::bigint, 'no more than the limit');
DO $$ BEGIN PERFORM pg_temp.done('w'); END $$;
SELECT results_eq($$SELECT n.state FROM khala.publisher_next('w', 10, TRUE) AS n$$, $$VALUES ('more')$$, 'there is more');
DO $$ BEGIN PERFORM pg_temp.done('w'); END $$;
SELECT results_eq($$SELECT n.state FROM khala.publisher_next('w', 10, TRUE) AS n$$, $$VALUES ('armed')$$, 'nothing is left: a write will notify');
SELECT ok((SELECT s.armed FROM runtime.sync_topic_sequences AS s WHERE s.topic = 'next.pointers'), 'its topics are armed');

UPDATE runtime.publishers SET failures = 9, not_before = clock_timestamp() + '1 hour' WHERE publisher = 'w';
SELECT ok(
    n.state = 'down' AND n.wait_s BETWEEN 3500 AND 3600, 'a system that is down is left alone'
) FROM khala.publisher_next('w') AS n;
UPDATE runtime.publishers SET not_before = clock_timestamp() WHERE publisher = 'w';
DO $$
BEGIN
    PERFORM khala.sink('runtime.run_summaries', 'x', 1, '{}', 'acme'), khala.sink('runtime.run_summaries', 'y', 1, '{}', 'acme');
END
$$;
SELECT results_eq($$SELECT n.attempts FROM pg_temp.next('w') AS n$$, 'VALUES (2)', 'then it is tried with one update');
SELECT is((SELECT n.state FROM khala.publisher_next('w') AS n), 'down', 'and no other at the same time');

DO $$ BEGIN PERFORM khala.set_publisher('w', p_paused => TRUE); END $$;
SELECT is((SELECT n.state FROM khala.publisher_next('w') AS n), 'paused', 'paused');
DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.large', p_ownership => 'public', p_payload_mode => 'auto');
    PERFORM khala.set_publisher('large', 'convex', 'http://x'), khala.set_publisher_topic('large', 'pgtap.large', 'a:b');
    PERFORM khala.sink('pgtap.large', v.doc_key, 1, jsonb_build_object('x', repeat('x', v.bytes)), NULL)
    FROM (VALUES ('a', 6000000), ('b', 12000000), ('c', 1), ('d', 1)) AS v (doc_key, bytes);
END
$$;
SELECT results_eq(
    $$SELECT n.doc_key, length(n.payload ->> 'x') FROM pg_temp.next('large') AS n$$, $$VALUES ('a', 6000000), ('b', 12000000)$$,
    'until 16 MiB are reached'
);
SELECT results_eq($$SELECT n.doc_key FROM pg_temp.next('large') AS n$$, $$VALUES ('c'), ('d')$$, 'the rest is due');
SELECT is_empty($$SELECT n.doc_key FROM pg_temp.next('large') AS n$$, 'each once');
SELECT throws_ok($$SELECT khala.publisher_next('w', 1, FALSE, '-1 second')$$, 'KH007', NULL, 'a lease that is none');
SELECT throws_ok($$SELECT khala.publisher_next('w', 1, FALSE, '25 hours')$$, 'KH007', NULL, 'a lease above a day');
SELECT throws_ok($$SELECT khala.publisher_next('w', 1, FALSE, NULL)$$, 'KH007', NULL, 'no lease');
SELECT throws_ok($$SELECT khala.publisher_next('c', p_results => '{}')$$, 'KH007', NULL, 'results that are none');
SELECT throws_ok($$SELECT khala.publisher_next('none')$$, 'KH007', NULL, 'no such publisher');
SELECT throws_ok('SELECT khala.publisher_next(NULL)', 'KH007', NULL, 'no publisher');
SELECT throws_ok(format('SELECT khala.publisher_next(''w'', %s)', n.many), 'KH007', NULL, 'a limit that is none')
FROM (VALUES ('0'), ('NULL')) AS n (many);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
