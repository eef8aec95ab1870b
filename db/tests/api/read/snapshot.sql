BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(69);

-- The updates of a page as key@watermark, "gone" for a tombstone and "pointer" for one without its payload.
CREATE FUNCTION pg_temp.outline(p_page text)
RETURNS text LANGUAGE sql AS $$
SELECT string_agg(
    concat_ws(
        ' ', concat(u.value ->> 'doc_key', '@', u.value ->> 'watermark'),
        CASE WHEN u.value ? 'deleted' THEN 'gone' WHEN (u.value ->> 'hydration_required')::boolean THEN 'pointer' END
    ), ', ' ORDER BY u.ordinality
)
FROM jsonb_array_elements(coalesce(p_page::jsonb -> 'updates', p_page::jsonb -> 'documents')) WITH ORDINALITY AS u
$$;

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
    PERFORM khala.register_topic('pgtap.snapshot', p_enum_name => 'SYNC_TOPIC_PGTAP_SNAPSHOT', p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.snapshot', 'public', 1, '{"n":1}');
    PERFORM khala.sink('pgtap.snapshot', 'of a', 1, '{"n":2}', 'a');
    PERFORM khala.sink('pgtap.snapshot', 'of b', 1, '{"n":3}', 'b');
    PERFORM khala.sink('pgtap.snapshot', 'gone', 1, '{"n":4}');
    PERFORM khala.sink_delete('pgtap.snapshot', 'gone', 2);
    PERFORM khala.sink('pgtap.snapshot', 'public', 2, '{"n":5}');
END
$$;

SELECT is(
    (SELECT s.page::jsonb FROM khala.snapshot('pgtap.snapshot', NULL) AS s),
    jsonb_build_object(
        'topic', 'pgtap.snapshot', 'epoch', khala.current_epoch(), 'watermark', 6, 'next_doc_key', NULL, 'complete', TRUE,
        'documents', jsonb_build_array(jsonb_build_object(
            'topic', 'pgtap.snapshot', 'doc_key', 'public', 'doc_version', 2, 'watermark', 6, 'hydration_required', FALSE,
            'payload_hash', encode(khala.payload_hash('{"n":5}'), 'base64'), 'payload', '{"n":5}'::jsonb
        ))
    ), 'a page'
);
SELECT is((SELECT pg_temp.outline(s.page) FROM khala.snapshot(v.name, v.org) AS s), v.outline, format('%s, for %s', v.name, coalesce(v.org, 'nobody')))
FROM (
    VALUES
    ('pgtap.snapshot', NULL, 'public@6'), ('pgtap.snapshot', 'a', 'of a@2, public@6'), ('pgtap.snapshot', 'b', 'of b@3, public@6'),
    ('pgtap.snapshot', 'c', 'public@6'), ('pgtap.snapshot', '', 'public@6'), ('SYNC_TOPIC_PGTAP_SNAPSHOT', 'a', 'of a@2, public@6')
) AS v (name, org, outline);
SELECT is(
    (SELECT s.page::jsonb #>> '{documents,0,topic}' FROM khala.snapshot('SYNC_TOPIC_PGTAP_SNAPSHOT', 'a') AS s), 'SYNC_TOPIC_PGTAP_SNAPSHOT',
    'the topic''s name comes back as it was used'
);
SELECT results_eq(
    format('SELECT pg_temp.outline(s.page), s.next_doc_key, s.watermark, s.complete FROM khala.snapshot(%L, %L, %L, %s) AS s', 'pgtap.snapshot', 'a', v.after, v.most),
    format('VALUES (%L, %L, 6::bigint, %L::boolean)', v.outline, v.next, v.complete), v.what
)
FROM (
    VALUES
    (NULL, 1, 'of a@2', 'of a', FALSE, 'a first page of one'), ('of a', 1, 'public@6', NULL, TRUE, 'the next, which is the last'),
    (NULL, 2, 'of a@2, public@6', NULL, TRUE, 'exactly as many as there are'), ('public', 1, NULL, NULL, TRUE, 'after the last'),
    ('', 1, 'of a@2', 'of a', FALSE, 'after nothing'), ('oz', 9, 'public@6', NULL, TRUE, 'after a key that is not there')
) AS v (after, most, outline, next, complete, what);
SELECT is(
    (SELECT jsonb_build_array(s.page::jsonb -> 'next_doc_key', s.page::jsonb -> 'complete') FROM khala.snapshot('pgtap.snapshot', 'a', NULL, 1) AS s),
    '["of a", false]', 'the page says the same as its row'
);

-- Later pages keep the watermark of the first, whatever is written meanwhile.
DO $$ BEGIN PERFORM khala.sink('pgtap.snapshot', 'public', 3, '{"n":6}'); END $$;
SELECT results_eq(
    $$SELECT pg_temp.outline(s.page), s.watermark, (s.page::jsonb ->> 'watermark')::bigint
      FROM khala.snapshot('pgtap.snapshot', 'a', 'of a', 1, 6) AS s$$,
    $$VALUES ('public@7', 6::bigint, 6::bigint)$$, 'a later page shows what is there now, under the first page''s watermark'
);
SELECT is(
    (SELECT r.updates FROM khala.replay('pgtap.snapshot', 6, 'a') AS r), 1, 'and what changed since is replayed from it'
);

SELECT throws_ok('SELECT khala.snapshot(' || v.arguments || ')', v.state, NULL, v.what)
FROM (
    VALUES
    ('''pgtap.unknown'', NULL', 'KH001', 'an unknown topic'), ('NULL, NULL', 'KH001', 'no topic'),
    ('''pgtap.snapshot'', NULL, NULL, 0', 'KH007', 'a page of no documents'), ('''pgtap.snapshot'', NULL, NULL, 10001', 'KH007', 'of too many'),
    ('''pgtap.snapshot'', NULL, NULL, NULL', 'KH007', 'of an unknown number'), ('''pgtap.snapshot'', NULL, p_max_bytes => 0', 'KH007', 'of no bytes'),
    ('''pgtap.snapshot'', NULL, ''k'', 1, -1', 'KH007', 'a negative watermark'), ('''pgtap.snapshot'', NULL, ''k'', 1, 8', 'KH003', 'one beyond the head')
) AS v (arguments, state, what);
DO $$ BEGIN PERFORM khala.retain('pgtap.snapshot', now() + '1 day', '0'); END $$;
SELECT throws_ok(
    $$SELECT khala.snapshot('pgtap.snapshot', 'a', 'of a', 1, 6)$$, 'KH002', NULL, 'a watermark nobody can subscribe from any more'
);
SELECT is((SELECT s.watermark FROM khala.snapshot('pgtap.snapshot', 'a') AS s), 7::bigint, 'an emptied journal: the head survives');
SELECT lives_ok($$SELECT khala.replay('pgtap.snapshot', 7, 'a')$$, 'and can be subscribed from');
SELECT is((SELECT pg_temp.outline(s.page) FROM khala.snapshot('pgtap.snapshot', 'a') AS s), 'of a@2, public@7', 'documents stay');

-- A topic without documents.
DO $$ BEGIN PERFORM khala.register_topic('pgtap.snapshot_new', p_ownership => 'mixed'); END $$;
SELECT is(
    (SELECT s.page FROM khala.snapshot('pgtap.snapshot_new', 'a') AS s),
    '{"topic":"pgtap.snapshot_new","epoch":"' || khala.current_epoch() || '","watermark":0,"documents":[],"next_doc_key":null,"complete":true}',
    'a topic without documents'
);

-- Keys that collations and escapes treat in their own way: every page size visits each key once.
DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.snapshot_keys', p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.snapshot_keys', k.key, 1, '{}', CASE WHEN k.place % 2 = 0 THEN 'a' END)
    FROM unnest(ARRAY[
        'a', 'A', 'b', 'B', 'aa', 'aA', 'Aa', 'AA', 'a a', 'a-a', 'a_a', 'a.a', 'a/a', 'a:a', 'ab', 'Z', 'z', '_', '-', ' ', '  ', E'\n', E'\t', E'\x01',
        '"', '\', '''', '%', 'ä', 'a' || U&'\0308', 'é', 'ß', 'ss', 'ﬀ', 'ff', '😀', U&'\FFFF', U&'\E000', U&'\200B', 'a' || U&'\200B', '1', '10', '2', '01',
        repeat('😀', 512), 'runtime/run_summary:1', 'runtime/run-summary:1'
    ]) WITH ORDINALITY AS k (key, place);
END
$$;
CREATE FUNCTION pg_temp.all_keys(p_org text, p_limit integer, p_bytes integer)
RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    v_keys text[] := '{}';
    v_page record;
    v_after text;
    v_watermark bigint;
BEGIN
    LOOP
        v_page := khala.snapshot('pgtap.snapshot_keys', p_org, v_after, p_limit, v_watermark, p_bytes);
        v_keys := v_keys || ARRAY(SELECT d.value ->> 'doc_key' FROM jsonb_array_elements(v_page.page::jsonb -> 'documents') AS d);
        ASSERT v_page.page::jsonb ->> 'next_doc_key' IS NOT DISTINCT FROM v_page.next_doc_key, 'page and row agree';
        v_after := v_page.next_doc_key;
        v_watermark := v_page.watermark;
        EXIT WHEN v_page.complete;
    END LOOP;
    RETURN v_keys;
END
$$;
SELECT is(
    pg_temp.all_keys(v.org, v.most, v.bytes),
    array(
        SELECT d.doc_key FROM runtime.sync_documents AS d
        WHERE d.topic = 'pgtap.snapshot_keys' AND (d.org_id IS NULL OR d.org_id = v.org) ORDER BY convert_to(d.doc_key, 'UTF8')
    ), format('every key once, by bytes: %s documents and %s bytes a page, for %s', v.most, v.bytes, coalesce(v.org, 'nobody'))
)
FROM (
    VALUES ('a', 200, 2097152), ('a', 1, 2097152), ('a', 7, 2097152), (NULL, 1, 2097152), ('b', 3, 2097152), ('a', 200, 1), ('a', 200, 1000)
) AS v (org, most, bytes);

-- Bytes and modes. Payloads of 1,000 bytes, and one above the inline limit.
DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.snapshot_bytes', p_inline_limit_bytes => 5000, p_ownership => 'mixed');
    FOR v_place IN 1 .. 9 LOOP
        PERFORM khala.sink('pgtap.snapshot_bytes', 'k' || v_place, 1, jsonb_build_object('x', repeat('x', 992)));
    END LOOP;
    PERFORM khala.sink('pgtap.snapshot_bytes', 'large', 1, jsonb_build_object('x', repeat('x', 20000)));
    PERFORM khala.sink('pgtap.snapshot_bytes', 'noughts', 1, jsonb_build_object('x', (SELECT jsonb_agg(1e300) FROM generate_series(1, 150))));
    PERFORM khala.register_topic('pgtap.snapshot_pointer', p_payload_mode => 'pointer', p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.snapshot_pointer', 'k', 9007199254740992, '{"n":1}');
    PERFORM khala.register_topic('pgtap.snapshot_inline', p_payload_mode => 'inline', p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.snapshot_inline', 'k', 1, '{"n":1}');
END
$$;
SELECT cmp_ok((SELECT octet_length(s.page) FROM khala.snapshot('pgtap.snapshot_bytes', NULL, v.after, 200, NULL, v.bytes) AS s), '<=', v.bytes, format('a page after %s is not larger than %s', v.after, v.bytes))
FROM (VALUES (NULL, 2500), (NULL, 4000), (NULL, 9000), (NULL, 16000), ('k9', 3000)) AS v (after, bytes);
SELECT is(
    (SELECT pg_temp.outline(s.page) FROM khala.snapshot('pgtap.snapshot_bytes', NULL, 'k9', 200, NULL, 3000) AS s), 'large@10 pointer, noughts@11',
    'a payload over the inline limit is a pointer and takes the room of one, and numbers are printed short'
);
SELECT is((SELECT pg_temp.outline(s.page) FROM khala.snapshot('pgtap.snapshot_bytes', NULL, NULL, 200, NULL, 1) AS s), 'k1@1', 'one document at least');
SELECT is(
    (SELECT s.page::jsonb #> '{documents,0,payload}' FROM khala.snapshot(v.topic, NULL) AS s), '{"n":1}', 'the snapshot carries payloads in mode ' || v.topic
)
FROM (VALUES ('pgtap.snapshot_pointer'), ('pgtap.snapshot_inline')) AS v (topic);
SELECT is(
    (SELECT s.page::jsonb #> '{documents,0,doc_version}' FROM khala.snapshot('pgtap.snapshot_pointer', NULL) AS s), '"9007199254740992"',
    'large versions are strings'
);

-- Subsets, and the newest documents.
DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.subsets', p_ownership => 'mixed', p_inline_limit_bytes => 5000);
    PERFORM khala.sink('pgtap.subsets', 'x/1', 1, jsonb_build_object('x', repeat('x', 992)), 'a');
    PERFORM khala.sink('pgtap.subsets', 'y/1', 1, jsonb_build_object('x', repeat('x', 992)));
    PERFORM khala.sink('pgtap.subsets', 'x/2', 1, jsonb_build_object('x', repeat('x', 992)));
    PERFORM khala.sink('pgtap.subsets', 'x/3', 1, '{}', 'b');
    PERFORM khala.sink('pgtap.subsets', 'x/1', 2, jsonb_build_object('x', repeat('y', 992)), 'a');
    PERFORM khala.sink('pgtap.subsets', 'y/1', 2, jsonb_build_object('x', repeat('y', 992)));
END
$$;
SELECT results_eq(
    format(
        'SELECT pg_temp.outline(s.page), s.next_doc_key, s.watermark, s.complete FROM khala.snapshot(%L, %L, %L, %s, NULL, %s, %L, %L) AS s',
        'pgtap.subsets', 'a', v.after, v.most, v.bytes, khala_internal.make_subset(v.beginnings, v.are_keys), v.newest
    ),
    format('VALUES (%L, %L, 6::bigint, %L::boolean)', v.outline, v.next, v.complete), v.what
)
FROM (
    VALUES
    (NULL, 10, 100000, '{x/}'::text[], FALSE, FALSE, 'x/1@5, x/2@3', NULL, TRUE, 'a prefix'),
    (NULL, 1, 100000, '{x/}', FALSE, FALSE, 'x/1@5', 'x/1', FALSE, 'its first page'),
    ('x/1', 1, 100000, '{x/}', FALSE, FALSE, 'x/2@3', NULL, TRUE, 'and its last'),
    (NULL, 10, 100000, '{y/1,x/3,x/1,z}', TRUE, FALSE, 'x/1@5, y/1@6', NULL, TRUE, 'keys'),
    (NULL, 1, 100000, '{y/1,x/1}', TRUE, FALSE, 'x/1@5', 'x/1', FALSE, 'page by page'),
    (NULL, 10, 100000, '{x/2,y/}', FALSE, FALSE, 'x/2@3, y/1@6', NULL, TRUE, 'several prefixes'),
    (NULL, 10, 100000, '{z}', FALSE, FALSE, NULL, NULL, TRUE, 'nothing'),
    (NULL, 2, 100000, '{""}', FALSE, TRUE, 'y/1@6, x/1@5', NULL, TRUE, 'the newest'),
    (NULL, 1, 100000, '{x/}', FALSE, TRUE, 'x/1@5', NULL, TRUE, 'the newest of a subset'),
    (NULL, 9, 2000, '{""}', FALSE, TRUE, 'y/1@6, x/1@5 pointer, x/2@3 pointer', NULL, TRUE, 'those without room are pointers'),
    (NULL, 9, 100000, '{z}', FALSE, TRUE, NULL, NULL, TRUE, 'the newest of nothing'),
    (NULL, 2, 100000, '{y/1,x/2,x/1}', TRUE, NULL, 'x/1@5, x/2@3', 'x/2', FALSE, 'null asks for the order of keys')
) AS v (after, most, bytes, beginnings, are_keys, newest, outline, next, complete, what);
SELECT throws_ok('SELECT khala.snapshot(''pgtap.subsets'', ''a'', p_newest => TRUE, ' || v.further || ')', 'KH007', NULL, v.what)
FROM (VALUES ('p_after_doc_key => ''x''', 'the newest have no key to continue after'), ('p_watermark => 6', 'nor a further page')) AS v (further, what);

-- Several prefixes, a page at a time, in the order of bytes, whatever the order of the database's own collation.
DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.ranges', p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.ranges', k.key, 1, '{}', k.org_id)
    FROM (
        VALUES ('B/1', 'a'), ('B/2', NULL), ('a/1', NULL), ('a/2', 'a'), ('a/3', 'b'), ('a/4', NULL), ('c/1', 'a'), ('é/1', 'a'), ('Z/1', NULL)
    ) AS k (key, org_id);
END
$$;
SELECT is(
    (
        WITH RECURSIVE pages AS (
            SELECT s.page, s.next_doc_key, s.complete
            FROM khala.snapshot('pgtap.ranges', 'a', NULL, v.most, p_subset => khala_internal.make_subset('{é/,a/,B/,Z/}', FALSE)) AS s
            UNION ALL
            SELECT s.page, s.next_doc_key, s.complete
            FROM pages AS p
            CROSS JOIN LATERAL khala.snapshot(
                'pgtap.ranges', 'a', p.next_doc_key, v.most, p_subset => khala_internal.make_subset('{é/,a/,B/,Z/}', FALSE)
            ) AS s
            WHERE NOT p.complete
        )

        SELECT string_agg(d.document ->> 'doc_key', ' ')
        FROM pages AS p
        CROSS JOIN LATERAL jsonb_array_elements(p.page::jsonb -> 'documents') AS d (document)
    ), 'B/1 B/2 Z/1 a/1 a/2 a/4 é/1', format('prefixes in pages of %s', v.most)
)
FROM generate_series(1, 8) AS v (most);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
