BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(12);

DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.bytes', p_enum_name => 'SYNC_TOPIC_PGTAP_BYTES', p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.bytes', 'k', 1, '{"n":1}');
    PERFORM khala.sink('pgtap.bytes', 'of b', 1, '{"n":2}', 'b');
    PERFORM khala.sink_delete('pgtap.bytes', 'k', 2);
END
$$;

SELECT is(
    (SELECT r.page FROM khala.replay_binary('pgtap.bytes', 0, NULL) AS r),
    khala_internal.update_bytes('pgtap.bytes', 'k', 1, 1, khala.payload_hash('{"n":1}'), FALSE, '{"n":1}')
    || khala_internal.update_bytes('pgtap.bytes', 'k', 2, 3, NULL, TRUE, NULL)
    || khala_internal.page_tail_bytes('pgtap.bytes', TRUE, 3, 3),
    'a page'
);
SELECT is(
    (SELECT r.page FROM khala.replay_binary('SYNC_TOPIC_PGTAP_BYTES', 3, NULL) AS r),
    khala_internal.page_tail_bytes('SYNC_TOPIC_PGTAP_BYTES', TRUE, 3, 3), 'a page at the head, by the other name'
);
SELECT results_eq(
    $$SELECT b.next_watermark, b.head_watermark, b.complete, b.updates
      FROM (VALUES (NULL), ('a'), ('b')) AS o (org_id), generate_series(0, 3) AS c (after), generate_series(1, 3) AS n (most),
        LATERAL khala.replay_binary('pgtap.bytes', c.after, o.org_id, n.most) AS b ORDER BY o.org_id, c.after, n.most$$,
    $$SELECT b.next_watermark, b.head_watermark, b.complete, b.updates
      FROM (VALUES (NULL), ('a'), ('b')) AS o (org_id), generate_series(0, 3) AS c (after), generate_series(1, 3) AS n (most),
        LATERAL khala.replay('pgtap.bytes', c.after, o.org_id, n.most) AS b ORDER BY o.org_id, c.after, n.most$$,
    'its pages are those of replay'
);
SELECT is((SELECT r.updates FROM khala.replay_binary('pgtap.bytes', NULL, 'b') AS r), 3, 'no cursor: from the earliest');
SELECT throws_ok($$SELECT * FROM khala.replay_binary('no.topic', 0, NULL)$$, 'KH001', NULL, 'unknown topic');
SELECT throws_ok($$SELECT * FROM khala.replay_binary('pgtap.bytes', 4, NULL)$$, 'KH003', NULL, 'cursor ahead');
SELECT throws_ok(
    $$SELECT * FROM khala.replay_binary('pgtap.bytes', 0, NULL, p_epoch => 'other')$$, 'KH003', NULL, 'another epoch'
);
SELECT throws_ok($$SELECT * FROM khala.replay_binary('pgtap.bytes', 0, NULL, 0)$$, 'KH007', NULL, 'no updates asked for');
DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.bytes_compact', p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.bytes_compact', 'k' || i % 3, i, '{}') FROM generate_series(1, 30) AS s (i);
END
$$;
SELECT results_eq(
    $$SELECT b.next_watermark, b.head_watermark, b.complete, b.updates FROM generate_series(1, 4) AS n (most),
        LATERAL khala.replay_binary('pgtap.bytes_compact', 0, NULL, n.most, p_compact => TRUE) AS b ORDER BY n.most$$,
    $$VALUES (28::bigint, 30::bigint, FALSE, 1), (29, 30, FALSE, 2), (30, 30, TRUE, 3), (30, 30, TRUE, 3)$$, 'compacted'
);
DO $$
BEGIN
    PERFORM khala.retain('pgtap.bytes', now() + interval '1 year');
END
$$;
SELECT throws_ok($$SELECT * FROM khala.replay_binary('pgtap.bytes', 0, NULL)$$, 'KH002', NULL, 'cursor below the floor');

-- Subsets: covered watermarks move over what is not in them, and a former owner gets its tombstone only in them.
DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.subsets', p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.subsets', 'x/1', 1, '{"n":1}', 'a');
    PERFORM khala.sink('pgtap.subsets', 'y/1', 1, '{"n":2}');
    PERFORM khala.sink('pgtap.subsets', 'x/2', 1, '{"n":3}');
    PERFORM khala.sink('pgtap.subsets', 'x/1', 2, '{"n":4}', 'b');
    PERFORM khala.sink('pgtap.subsets', 'y/1', 2, '{"n":5}');
END
$$;
SELECT results_eq(
    format('SELECT r.next_watermark, r.complete, r.updates, position(%L IN r.page) > 0, position(%L IN r.page) > 0 FROM khala.replay_binary(%L, 0, %L, p_subset => %L) AS r',
        'x/1'::bytea, 'y/1'::bytea, 'pgtap.subsets', 'a', khala_internal.make_subset(v.beginnings, FALSE)),
    format('VALUES (5::bigint, TRUE, %s, %L::boolean, %L::boolean)', v.updates, v.has_x, v.has_y), 'a subset: ' || v.beginnings::text
)
FROM (VALUES ('{x/}'::text[], 3, TRUE, FALSE), ('{y/}', 2, FALSE, TRUE)) AS v (beginnings, updates, has_x, has_y);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
