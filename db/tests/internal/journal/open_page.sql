BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(33);

-- Watermarks 1 to 6; a sees 1, 3 and 5, of 1,009 bytes each and 256 and a letter around them.
DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.until', p_ownership => 'mixed');
    PERFORM khala.sink(
        'pgtap.until', 'k', i, jsonb_build_object('text', repeat('x', 998)), CASE WHEN i % 2 = 1 THEN 'a' ELSE 'b' END
    ) FROM generate_series(1, 6) AS s (i);
END
$$;
-- A document that moves is seen by both: these stay where they are.
UPDATE runtime.sync_stream_events SET owner_changed = FALSE WHERE topic = 'pgtap.until';

SELECT is(
    (SELECT p.until FROM khala_internal.open_page('pgtap.until', v.after, v.org, v.updates, v.bytes, NULL, FALSE, NULL) AS p),
    v.ends::bigint, v.what
)
FROM (
    VALUES
    (0, 'a', 3, 100000, 6, 'all there is'),
    (0, 'c', 3, 100000, 6, 'nothing to see, and all of it covered'),
    (6, 'a', 3, 100000, 6, 'at the end'),
    (0, 'a', 2, 100000, 4, 'before the first update too many'),
    (2, 'a', 1, 100000, 4, 'from a cursor on'),
    (0, 'a', 3, 3798, 6, 'exactly as many bytes as there is room for'),
    (0, 'a', 3, 3797, 4, 'one byte less'),
    (0, 'a', 3, 2531, 2, 'room for one and nearly another'),
    (0, 'a', 2, 2532, 4, 'the row that is one too many does not count'),
    (0, 'a', 3, 1, 2, 'never less than one'),
    (4, 'a', 3, 1, 6, 'also when that is the last'),
    (0, 'a', 1, 1, 2, 'both limits at once')
) AS v (after, org, updates, bytes, ends, what);
SELECT results_eq(
    format('SELECT p.topic, p.after, p.head_watermark, p.kept FROM khala_internal.open_page(%L, 2, %L, 3, 100000, NULL, %L, NULL) AS p', 'pgtap.until', 'c', v.compact),
    $$VALUES ('pgtap.until', 2::bigint, 6::bigint, NULL::bigint[])$$, v.what
)
FROM (VALUES (FALSE, 'what else a page is made of'), (NULL, 'null does not compact')) AS v (compact, what);
SELECT throws_ok('SELECT khala_internal.open_page(' || v.arguments || ', FALSE, NULL)', v.state, NULL, v.what)
FROM (
    VALUES
    ('''pgtap.until'', 0, NULL, 0, 1, NULL', 'KH007', 'a page of no updates'),
    ('''pgtap.until'', 7, NULL, 1, 1, NULL', 'KH003', 'a cursor beyond the head'),
    ('''pgtap.unknown'', 0, NULL, 1, 1, NULL', 'KH001', 'an unknown topic')
) AS v (arguments, state, what);

-- However few of the rows may be seen, no more than 5,000 are looked at.
DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.many', p_ownership => 'mixed');
    PERFORM khala.sink_batch('pgtap.many', (
        SELECT jsonb_agg(jsonb_build_object('doc_key', 'k' || i, 'doc_version', 1, 'payload', '{}'::jsonb, 'org_id', 'a'))
        FROM generate_series(1, 5100) AS s (i)
    ));
END
$$;
SELECT is(
    (SELECT p.until FROM khala_internal.open_page('pgtap.many', 0, v.org, v.updates, 1000000, NULL, v.compact, NULL) AS p),
    v.ends::bigint, v.what
)
FROM (
    VALUES
    ('b', 200, FALSE, 5000, 'nothing to see'), ('b', 200, TRUE, 5000, 'nor when compacted'),
    ('b', 5050, FALSE, 5050, 'a larger page looks at as many as it may hold')
) AS v (org, updates, compact, ends, what);
SELECT is(
    (SELECT p.kept FROM khala_internal.open_page('pgtap.many', 0, 'a', 200, 1000000, NULL, TRUE, NULL) AS p),
    NULL, 'where nothing has been replaced nothing is looked up'
);

-- 40 versions of x by a, moved to b and back; y deleted; z is current.
DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.compact', p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.compact', 'x', i, '{}', 'a') FROM generate_series(1, 40) AS s (i);
    PERFORM khala.sink('pgtap.compact', 'x', 41, '{}', 'b');
    PERFORM khala.sink('pgtap.compact', 'x', 42, '{}', 'a');
    PERFORM khala.sink('pgtap.compact', 'y', 1, '{}', 'a');
    PERFORM khala.sink_delete('pgtap.compact', 'y', 2);
    PERFORM khala.sink('pgtap.compact', 'z', 1, '{}');
END
$$;
SELECT results_eq(
    format('SELECT p.after, p.until, p.kept FROM khala_internal.open_page(%L, %s, %L, %s, 100000, NULL, TRUE, NULL) AS p', 'pgtap.compact', v.after, v.org, v.updates),
    format('VALUES (%s::bigint, %s::bigint, %L::bigint[])', v.begins, v.ends, v.kept), v.what
)
FROM (
    VALUES
    (0, 'a', 10, 40, 45, '{41,42,44,45}', 'the tombstones, and what is current'),
    (0, 'a', 1, 40, 41, '{41,42}', 'one at a time: it covers what is left out after it'),
    (41, 'a', 10, 41, 45, NULL, 'from a cursor on, where too little has been replaced'),
    (0, 'b', 10, 41, 45, '{42,45}', 'the version that moved on is left out, its tombstone is not'),
    (0, 'c', 10, 44, 45, '{45}', 'whoever sees the public one only'),
    (0, 'a', 3, 40, 44, '{41,42,44,45}', 'the last one does not fit')
) AS v (after, org, updates, begins, ends, kept, what);
SELECT is(
    (SELECT p.until FROM khala_internal.open_page('pgtap.compact', 0, 'a', 10, 600, NULL, TRUE, NULL) AS p), 43::bigint,
    'bytes are counted of what is kept'
);

-- One document in every few is new, the others are versions of one: a writer that writes its documents in turn.
DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.turn_' || t.period, p_ownership => 'mixed'),
        khala.sink_batch('pgtap.turn_' || t.period, (
            SELECT jsonb_agg(jsonb_build_object(
                'doc_key', CASE WHEN i % t.period = 1 THEN 'new ' || i ELSE 'hot' END, 'payload', '{}'::jsonb
            ) ORDER BY i)
            FROM generate_series(1, 400) AS s (i)
        ))
    FROM (VALUES (3), (4), (5), (10), (25)) AS t (period);
END
$$;
SELECT ok(
    (SELECT cardinality(p.kept) <= 200 FROM khala_internal.open_page('pgtap.turn_' || t.period, 0, 'a', 400, 1000000, NULL, TRUE, NULL) AS p),
    'what has been replaced is left out of ' || t.period || ' in turn'
)
FROM (VALUES (3), (4), (5), (10), (25)) AS t (period);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
