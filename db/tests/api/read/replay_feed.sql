BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(36);

CREATE FUNCTION pg_temp.failure(p_sql text)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_state text;
    v_detail text;
    v_hint text;
BEGIN
    EXECUTE p_sql;
    RETURN NULL;
EXCEPTION
    WHEN SQLSTATE 'KH001' OR SQLSTATE 'KH002' OR SQLSTATE 'KH003' OR SQLSTATE 'KH004' OR SQLSTATE 'KH005'
    OR SQLSTATE 'KH006' OR SQLSTATE 'KH007' THEN
        GET STACKED DIAGNOSTICS
            v_state = RETURNED_SQLSTATE, v_detail = PG_EXCEPTION_DETAIL, v_hint = PG_EXCEPTION_HINT;
        RETURN jsonb_build_object(
            'state', v_state, 'message', SQLERRM, 'detail', nullif(v_detail, '')::jsonb, 'hinted', v_hint <> ''
        );
END
$$;

DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.feed', p_enum_name => 'SYNC_TOPIC_PGTAP_FEED', p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.feed', 'public', 1, '{"n":1}');
    PERFORM khala.sink('pgtap.feed', 'of a', 1, '{"n":2}', 'a');
    PERFORM khala.sink('pgtap.feed', 'moves', 1, '{"n":3}', 'a');
    PERFORM khala.sink('pgtap.feed', 'moves', 2, '{"n":3}', 'b');
    PERFORM khala.sink('pgtap.feed', 'moves', 3, '{"n":3}');
    PERFORM khala.sink('pgtap.feed', 'moves', 4, '{"n":3}', 'c');
    PERFORM khala.sink_delete('pgtap.feed', 'of a', 2);
END
$$;

SELECT results_eq(
    $$SELECT f.watermark, f.org_id, f.except_org_id, f.update_text::jsonb ->> 'doc_key', f.update_text::jsonb ? 'deleted'
      FROM khala.replay_feed('pgtap.feed', 0) AS f ORDER BY f.watermark, f.update_text::jsonb ? 'deleted'$$,
    $$VALUES (1::bigint, NULL, NULL, 'public', FALSE), (2, 'a', NULL, 'of a', FALSE), (3, 'a', NULL, 'moves', FALSE),
        (4, 'b', NULL, 'moves', FALSE), (4, 'a', NULL, 'moves', TRUE),
        (5, NULL, NULL, 'moves', FALSE),
        (6, 'c', NULL, 'moves', FALSE), (6, NULL, 'c', 'moves', TRUE),
        (7, 'a', NULL, 'of a', TRUE)$$,
    'every update with its audience: whoever loses a document gets a tombstone in its place'
);
SELECT results_eq(
    $$SELECT DISTINCT f.page_tail, f.next_watermark, f.head_watermark, f.complete FROM khala.replay_feed('pgtap.feed', 0) AS f$$,
    $$SELECT khala_internal.page_tail('pgtap.feed', TRUE, 7, 7), 7::bigint, 7::bigint, TRUE$$, 'the end of the page is the same on every row'
);
SELECT is(
    (
        SELECT array_agg(f.watermark ORDER BY f.ordinality) = array_agg(f.watermark ORDER BY f.watermark)
        FROM khala.replay_feed('pgtap.feed', 0) WITH ORDINALITY AS f
    ), TRUE, 'the rows come in watermark order'
);

-- The frame of each organisation, put together as a relay does, is the page that replay gives it.
CREATE FUNCTION pg_temp.frame(p_topic text, p_after bigint, p_org text)
RETURNS text LANGUAGE sql AS $$
SELECT '{"updates":[' || coalesce(string_agg(f.update_text, ',' ORDER BY f.ordinality) FILTER (
    WHERE (f.org_id IS NULL AND (f.except_org_id IS NULL OR f.except_org_id IS DISTINCT FROM p_org))
    OR f.org_id = p_org
), '') || max(f.page_tail)
FROM khala.replay_feed(p_topic, p_after) WITH ORDINALITY AS f
$$;
SELECT is(
    pg_temp.frame(v.name, v.after, v.org), (SELECT r.page FROM khala.replay(v.name, v.after, v.org) AS r),
    format('%s after %s, for %s', v.name, v.after, coalesce(v.org, 'nobody'))
)
FROM (
    VALUES
    ('pgtap.feed', 0, NULL), ('pgtap.feed', 0, 'a'), ('pgtap.feed', 0, 'b'), ('pgtap.feed', 0, 'c'), ('pgtap.feed', 0, 'd'),
    ('pgtap.feed', 5, 'a'), ('pgtap.feed', 5, 'c'), ('SYNC_TOPIC_PGTAP_FEED', 3, 'b')
) AS v (name, after, org);

SELECT is_empty($$SELECT f.watermark FROM khala.replay_feed('pgtap.feed', 7) AS f$$, 'no row at the head');
SELECT results_eq(
    format('SELECT count(*), min(f.watermark), max(f.watermark), max(f.next_watermark), bool_and(f.complete) FROM khala.replay_feed(%L, %L, %s) AS f', 'pgtap.feed', v.after, v.most),
    format('VALUES (%s::bigint, %s::bigint, %s::bigint, %s::bigint, %L::boolean)', v.rows, v.first, v.last, v.last, v.complete), v.what
)
FROM (
    VALUES
    (0, 1, 1, 1, 1, FALSE, 'the limit counts watermarks'), (3, 1, 2, 4, 4, FALSE, 'not rows'),
    (0, 6, 8, 1, 6, FALSE, 'all but one'), (0, 7, 9, 1, 7, TRUE, 'all'), (NULL, 7, 9, 1, 7, TRUE, 'without a cursor')
) AS v (after, most, rows, first, last, complete, what);

-- Bytes.
DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.feed_bytes', p_inline_limit_bytes => 5000, p_ownership => 'mixed');
    FOR v_place IN 1 .. 5 LOOP
        PERFORM khala.sink('pgtap.feed_bytes', 'k' || v_place, 1, jsonb_build_object('x', repeat('x', 992)));
    END LOOP;
    PERFORM khala.sink('pgtap.feed_bytes', 'large', 1, jsonb_build_object('x', repeat('x', 20000)));
    PERFORM khala.sink('pgtap.feed_bytes', 'small', 1, '{}');
END
$$;
SELECT is(
    (SELECT max(f.next_watermark) FROM khala.replay_feed('pgtap.feed_bytes', 0, 200, v.bytes) AS f), v.covered::bigint,
    v.bytes || ' bytes: up to ' || v.covered
)
FROM (VALUES (1, 1), (2600, 2), (5000, 3), (20000, 7)) AS v (bytes, covered);
SELECT is(
    (SELECT count(f.watermark) FROM khala.replay_feed('pgtap.feed_bytes', 5, 200, 1000) AS f), 2::bigint, 'a pointer takes the room of one'
);

SELECT throws_ok('SELECT khala.replay_feed(' || v.arguments || ')', v.state, NULL, v.what)
FROM (
    VALUES
    ('''pgtap.unknown'', 0', 'KH001', 'an unknown topic'), ('''pgtap.feed'', 8', 'KH003', 'a cursor beyond the head'),
    ('''pgtap.feed'', 7, p_epoch => ''x''', 'KH003', 'another epoch, at the head too'), ('''pgtap.feed'', -1', 'KH007', 'a negative cursor'),
    ('''pgtap.feed'', 0, 0', 'KH007', 'no watermarks'), ('''pgtap.feed'', 0, 10001', 'KH007', 'too many'), ('''pgtap.feed'', 0, 1, 0', 'KH007', 'no bytes')
) AS v (arguments, state, what);

DO $$ BEGIN PERFORM khala.retain('pgtap.feed', now() + '1 day', '0', 3); END $$;
SELECT is(
    pg_temp.failure($$SELECT khala.replay_feed('pgtap.feed', 2)$$) - 'message',
    '{"state": "KH002", "hinted": true, "detail": [{"topic": "pgtap.feed", "resume_after": 2, "retention_floor": 4, "head_watermark": 7, "reason": "below_floor"}]}',
    'a cursor below the floor'
);
SELECT is((SELECT min(f.watermark) FROM khala.replay_feed('pgtap.feed', 3) AS f), 4::bigint, 'one exactly below it misses nothing');
DO $$ BEGIN PERFORM khala.retain('pgtap.feed', now() + '1 day', '0'); END $$;
SELECT is_empty($$SELECT f.watermark FROM khala.replay_feed('pgtap.feed', 7) AS f$$, 'an emptied topic, at the head');
SELECT throws_ok($$SELECT khala.replay_feed('pgtap.feed', 6)$$, 'KH002', NULL, 'and below it');

-- Marks, for subscribers of subsets.
DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.marked', p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.marked', 'customer/42', 1, '{}');
END
$$;
SELECT results_eq(
    format('SELECT f.watermark, f.marks::text FROM khala.replay_feed(%L, 0, p_lengths => %L) AS f', 'pgtap.marked', v.lengths),
    format('VALUES (1::bigint, %L)', v.marks), v.what
)
FROM (
    VALUES
    (NULL, NULL, 'no marks unless asked for'), ('{0,3}', '["=customer/42", "^cus"]', 'marks of the lengths asked for'),
    ('{99}', NULL, 'none where the key is shorter')
) AS v (lengths, marks, what);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
