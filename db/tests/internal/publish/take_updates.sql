BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(17);

DO $$
BEGIN
    PERFORM khala.set_publisher('p', 'webhook', 'http://x'), khala.set_publisher('c', 'convex', 'http://x');
    PERFORM khala.register_topic('take.notes', p_ownership => 'mixed');
    PERFORM khala.set_publisher_topic('p', 'take.notes'), khala.set_publisher_topic('c', 'take.notes', 'a:b');
    PERFORM khala.sink('take.notes', 'a', 1, '{}', 'acme'), khala.sink('take.notes', 'b', 1, '{}');
    PERFORM khala.sink('take.notes', 'gone', 1, '{}'), khala.sink_delete('take.notes', 'gone', 2);
END
$$;
CREATE FUNCTION pg_temp.queued(p text) RETURNS TABLE (doc_key text, doc_version bigint, state text) LANGUAGE sql AS $$
SELECT u.doc_key, u.doc_version, u.state FROM runtime.publisher_updates AS u WHERE u.publisher = p ORDER BY u.watermark
$$;

SELECT results_eq(
    $$SELECT * FROM khala_internal.take_updates('p', 'take.notes', FALSE, 1)$$, $$VALUES (1, FALSE)$$, 'the first page of a snapshot'
);
SELECT results_eq(
    $$SELECT * FROM khala_internal.take_updates('p', 'take.notes', FALSE, 10)$$, $$VALUES (1, TRUE)$$, 'and the rest'
);
SELECT results_eq(
    $$SELECT * FROM pg_temp.queued('p')$$, $$VALUES ('a', 1::bigint, 'ready'), ('b', 1, 'ready')$$,
    'documents of all organisations; a new publisher gets no tombstones'
);
SELECT results_eq(
    $$SELECT t.resyncs, t.resync_reason, t.snapshot_key, t.cursor_watermark FROM runtime.publisher_topics AS t WHERE t.publisher = 'p'$$,
    $$VALUES (1::bigint, 'new', NULL COLLATE "C", 4::bigint)$$, 'the reason is kept, and the cursor is at the head of then'
);
SELECT results_eq(
    $$SELECT * FROM khala_internal.take_updates('p', 'take.notes', FALSE, 10)$$, $$VALUES (0, TRUE)$$, 'nothing more'
);
DO $$
BEGIN
    PERFORM khala.sink('take.notes', 'a', 2, '{}', 'acme'), khala.sink('take.notes', 'a', 3, '{}', 'acme');
    PERFORM khala_internal.take_updates('p', 'take.notes', FALSE, 10);
END
$$;
SELECT results_eq(
    $$SELECT * FROM pg_temp.queued('p')$$,
    $$VALUES ('a', 1::bigint, 'ready'), ('b', 1, 'ready'), ('a', 2, 'held'), ('a', 3, 'held')$$, 'each version, behind the earlier one'
);
SELECT results_eq(
    $$SELECT * FROM khala_internal.take_updates('c', 'take.notes', TRUE, 10)$$, $$VALUES (2, TRUE)$$, 'another publisher begins on its own'
);
DELETE FROM runtime.publisher_updates WHERE publisher = 'c';
DO $$
BEGIN
    PERFORM khala.sink('take.notes', 'a', v, '{}', 'acme') FROM generate_series(4, 9) AS v;
    PERFORM khala.sink_delete('take.notes', 'b', 2);
    PERFORM khala_internal.take_updates('c', 'take.notes', TRUE, 10);
END
$$;
SELECT results_eq(
    $$SELECT * FROM pg_temp.queued('c')$$, $$VALUES ('a', 9::bigint, 'ready'), ('b', 2, 'ready')$$,
    'versions that a later one has replaced are left out; tombstones are not'
);

-- A purge overtakes.
DELETE FROM runtime.publisher_updates WHERE publisher = 'c';
DO $$
BEGIN
    PERFORM khala.sink('take.notes', 'a', v, '{}', 'acme') FROM generate_series(10, 12) AS v;
    PERFORM khala.retain('take.notes', clock_timestamp() + '1 s', '0');
END
$$;
SELECT results_eq(
    $$SELECT * FROM khala_internal.take_updates('c', 'take.notes', TRUE, 10)$$, $$VALUES (3, TRUE)$$, 'a purge leads to a snapshot'
);
SELECT results_eq(
    $$SELECT * FROM pg_temp.queued('c') AS q ORDER BY q.doc_key$$,
    $$VALUES ('a', 12::bigint, 'ready'), ('b', 2, 'ready'), ('gone', 2, 'ready')$$, 'of all documents, tombstones included'
);
SELECT results_eq(
    $$SELECT t.resyncs, t.resync_reason, t.overtaken FROM runtime.publisher_topics AS t WHERE t.publisher = 'c'$$,
    $$VALUES (2::bigint, 'below_floor', 3::bigint)$$, 'it is known how many rows were purged'
);

-- A new epoch.
DO $$ BEGIN PERFORM khala.new_epoch(); END $$;
SELECT results_eq(
    $$SELECT * FROM khala_internal.take_updates('c', 'take.notes', TRUE, 2)$$, $$VALUES (2, FALSE)$$, 'a new epoch leads to a snapshot'
);
SELECT is(
    (SELECT t.epoch FROM runtime.publisher_topics AS t WHERE t.publisher = 'c'), khala.current_epoch(), 'in that epoch'
);
SELECT is((SELECT count(*) FROM pg_temp.queued('c')), 2::bigint, 'what was queued is queued once');
-- Changed after the snapshot has begun, and not in it yet.
DO $$ BEGIN PERFORM khala.sink('take.notes', 'z', 1, '{}'), khala.sink('take.notes', 'z', 2, '{}'); END $$;
SELECT results_eq(
    $$SELECT * FROM khala_internal.take_updates('c', 'take.notes', TRUE, 10)$$, $$VALUES (2, TRUE)$$, 'the rest, and the journal'
);
SELECT results_eq(
    $$SELECT q.doc_version FROM pg_temp.queued('c') AS q WHERE q.doc_key = 'z'$$, $$VALUES (2::bigint)$$, 'a document comes from one of the two'
);
SELECT results_eq(
    $$SELECT * FROM khala_internal.take_updates('c', 'no.topic', TRUE, 10)$$, $$VALUES (0, TRUE)$$, 'a topic that is gone'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
