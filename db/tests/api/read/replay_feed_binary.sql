BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(9);

DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.bytes', p_enum_name => 'SYNC_TOPIC_PGTAP_BYTES', p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.bytes', 'k', 1, '{"n":1}');
    PERFORM khala.sink('pgtap.bytes', 'k', 2, '{"n":2}', 'a');
    PERFORM khala.sink_delete('pgtap.bytes', 'k', 3, 'a');
END
$$;

SELECT results_eq(
    $$SELECT f.watermark, f.org_id, f.except_org_id, f.update_bytes, f.page_tail
      FROM khala.replay_feed_binary('SYNC_TOPIC_PGTAP_BYTES', 1) AS f ORDER BY f.watermark, f.org_id NULLS LAST$$,
    $$SELECT v.watermark, v.org_id, v.except_org_id,
        khala_internal.update_bytes('SYNC_TOPIC_PGTAP_BYTES', 'k', v.watermark, v.watermark, khala.payload_hash('{"n":2}'), v.gone, '{"n":2}'),
        khala_internal.page_tail_bytes('SYNC_TOPIC_PGTAP_BYTES', TRUE, 3, 3)
      FROM (VALUES (2::bigint, 'a', NULL, FALSE), (2, NULL, 'a', TRUE), (3, 'a', NULL, TRUE))
        AS v (watermark, org_id, except_org_id, gone)$$,
    'each update with who may have it'
);
SELECT results_eq(
    $$SELECT b.watermark, b.org_id, b.except_org_id, b.next_watermark, b.head_watermark, b.complete
      FROM generate_series(0, 3) AS c (after), LATERAL khala.replay_feed_binary('pgtap.bytes', c.after, 2) AS b
      ORDER BY c.after, b.watermark, b.org_id$$,
    $$SELECT b.watermark, b.org_id, b.except_org_id, b.next_watermark, b.head_watermark, b.complete
      FROM generate_series(0, 3) AS c (after), LATERAL khala.replay_feed('pgtap.bytes', c.after, 2) AS b
      ORDER BY c.after, b.watermark, b.org_id$$,
    'its pages are those of replay_feed'
);
SELECT is_empty($$SELECT 1 FROM khala.replay_feed_binary('pgtap.bytes', 3)$$, 'at the head there is nothing');
SELECT throws_ok($$SELECT * FROM khala.replay_feed_binary('no.topic', 0)$$, 'KH001', NULL, 'unknown topic');
SELECT throws_ok($$SELECT * FROM khala.replay_feed_binary('pgtap.bytes', 4)$$, 'KH003', NULL, 'cursor ahead');
SELECT throws_ok($$SELECT * FROM khala.replay_feed_binary('pgtap.bytes', 0, 0)$$, 'KH007', NULL, 'no updates asked for');

-- Marks, for subscribers of subsets.
DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.marked', p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.marked', 'customer/42', 1, '{}');
END
$$;
SELECT results_eq(
    format('SELECT f.watermark, f.marks::text FROM khala.replay_feed_binary(%L, 0, p_lengths => %L) AS f', 'pgtap.marked', v.lengths),
    format('VALUES (1::bigint, %L)', v.marks), v.what
)
FROM (
    VALUES
    (NULL, NULL, 'no marks unless asked for'), ('{0,3}', '["=customer/42", "^cus"]', 'marks of the lengths asked for'),
    ('{99}', NULL, 'none where the key is shorter')
) AS v (lengths, marks, what);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
