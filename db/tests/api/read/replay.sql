BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(73);

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
    PERFORM khala.register_topic('pgtap.replay', p_enum_name => 'SYNC_TOPIC_PGTAP_REPLAY', p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.replay', 'public', 1, '{"n":1}');
    PERFORM khala.sink('pgtap.replay', 'of a', 1, '{"n":2}', 'a');
    PERFORM khala.sink('pgtap.replay', 'of b', 1, '{"n":3}', 'b');
    PERFORM khala.sink('pgtap.replay', 'public', 2, '{"n":4}');
    PERFORM khala.sink_delete('pgtap.replay', 'of a', 2);
END
$$;

-- The text of a page, to the letter.
SELECT is(
    (SELECT r.page FROM khala.replay('pgtap.replay', 0, NULL, 1) AS r),
    '{"updates":[{"topic":"pgtap.replay","doc_key":"public","doc_version":1,"watermark":1,"payload_hash":"K/0U9D0X/HzqJOCReoh5tLL4gLi67sG52Q+6rWVecb0=","hydration_required":false,"payload":{"n":1}}],"replay_complete":false,"head_watermarks":[{"topic":"pgtap.replay","watermark":5}],"covered_watermarks":[{"topic":"pgtap.replay","watermark":3}]}',
    'a page with an update: it covers what belongs to others, up to the next one that does not fit'
);
SELECT is(
    (SELECT r.page FROM khala.replay('pgtap.replay', 5, NULL) AS r),
    '{"updates":[],"replay_complete":true,"head_watermarks":[{"topic":"pgtap.replay","watermark":5}],"covered_watermarks":[{"topic":"pgtap.replay","watermark":5}]}',
    'a page at the head'
);
SELECT is(
    (SELECT r.page FROM khala.replay('SYNC_TOPIC_PGTAP_REPLAY', 0, 'b') AS r),
    (SELECT replace(r.page, '"topic":"pgtap.replay"', '"topic":"SYNC_TOPIC_PGTAP_REPLAY"') FROM khala.replay('pgtap.replay', 0, 'b') AS r),
    'the topic''s name comes back as it was used'
);

-- Who sees what.
SELECT is((SELECT pg_temp.outline(r.page) FROM khala.replay('pgtap.replay', v.after, v.org) AS r), v.outline, v.what)
FROM (
    VALUES
    (0, NULL, 'public@1, public@4', 'no organisation: public documents'),
    (0, 'a', 'public@1, of a@2, public@4, of a@5 gone', 'an organisation: its own and public ones'),
    (0, 'b', 'public@1, of b@3, public@4', 'another one'),
    (0, 'c', 'public@1, public@4', 'one that owns nothing'),
    (0, '', 'public@1, public@4', 'an empty name is nobody'),
    (1, 'a', 'of a@2, public@4, of a@5 gone', 'after a cursor'),
    (4, 'b', NULL, 'nothing for b behind it'),
    (NULL, 'b', 'public@1, of b@3, public@4', 'without a cursor, from the earliest')
) AS v (after, org, outline, what);
SELECT results_eq(
    format('SELECT r.next_watermark, r.head_watermark, r.complete, r.updates FROM khala.replay(%L, %L, %L, %s) AS r', 'pgtap.replay', v.after, v.org, v.most),
    format('VALUES (%s::bigint, 5::bigint, %L::boolean, %s)', v.next, v.complete, v.updates), v.what
)
FROM (
    VALUES
    (0, 'a', 10, 5, TRUE, 4, 'all of it'),
    (0, 'a', 4, 5, TRUE, 4, 'as many as there are'),
    (0, 'a', 3, 4, FALSE, 3, 'one fewer'),
    (0, 'a', 1, 1, FALSE, 1, 'one'),
    (1, 'a', 1, 3, FALSE, 1, 'the next: what belongs to b is covered too'),
    (3, 'a', 1, 4, FALSE, 1, 'the next'),
    (4, 'a', 1, 5, TRUE, 1, 'the last'),
    (4, 'b', 1, 5, TRUE, 0, 'an empty page moves the cursor'),
    (5, 'a', 1, 5, TRUE, 0, 'at the head'),
    (NULL, 'c', 10, 5, TRUE, 2, 'without a cursor')
) AS v (after, org, most, next, complete, updates, what);

-- Errors.
SELECT throws_ok('SELECT khala.replay(' || v.arguments || ')', v.state, NULL, v.what)
FROM (
    VALUES
    ('''pgtap.unknown'', 0, NULL', 'KH001', 'an unknown topic'), ('NULL, 0, NULL', 'KH001', 'no topic'),
    ('''pgtap.replay'', 6, NULL', 'KH003', 'a cursor beyond the head'),
    ('''pgtap.replay'', 5, NULL, p_epoch => ''x''', 'KH003', 'another epoch'),
    ('''pgtap.replay'', -1, NULL', 'KH007', 'a negative cursor'),
    ('''pgtap.replay'', 0, NULL, 0', 'KH007', 'a page of no updates'),
    ('''pgtap.replay'', 0, NULL, 10001', 'KH007', 'of too many'), ('''pgtap.replay'', 0, NULL, NULL', 'KH007', 'of an unknown number'),
    ('''pgtap.replay'', 0, NULL, 1, 0', 'KH007', 'of no bytes'), ('''pgtap.replay'', 0, NULL, 1, NULL', 'KH007', 'of unknown bytes')
) AS v (arguments, state, what);
SELECT lives_ok(format('SELECT khala.replay(%L, 5, NULL, p_epoch => %L)', 'pgtap.replay', khala.current_epoch()), 'the epoch in force');

-- The floor. Retention and the stale check are tested in retain.sql and open_cursor.sql.
DO $$ BEGIN PERFORM khala.retain('pgtap.replay', now() + '1 day', '0', 3); END $$;
SELECT is(
    pg_temp.failure($$SELECT khala.replay('SYNC_TOPIC_PGTAP_REPLAY', 2, 'a')$$) - 'message',
    '{"state": "KH002", "hinted": true, "detail": [{"topic": "SYNC_TOPIC_PGTAP_REPLAY", "resume_after": 2, "retention_floor": 4, "head_watermark": 5, "reason": "below_floor"}]}',
    'a cursor below the floor, with what a stale answer needs'
);
SELECT is((SELECT pg_temp.outline(r.page) FROM khala.replay('pgtap.replay', 3, 'a') AS r), 'public@4, of a@5 gone', 'one exactly below it misses nothing');
SELECT is((SELECT pg_temp.outline(r.page) FROM khala.replay('pgtap.replay', NULL, 'a') AS r), 'public@4, of a@5 gone', 'none begins at the floor');
DO $$ BEGIN PERFORM khala.retain('pgtap.replay', now() + '1 day', '0'); END $$;
SELECT results_eq(
    $$SELECT r.next_watermark, r.head_watermark, r.complete, r.updates FROM khala.replay('pgtap.replay', 5, 'a') AS r$$,
    'VALUES (5::bigint, 5::bigint, TRUE, 0)', 'an emptied topic: the head survives'
);
SELECT throws_ok($$SELECT khala.replay('pgtap.replay', 4, 'a')$$, 'KH002', NULL, 'an emptied topic: below the head is stale');
DO $$ BEGIN PERFORM khala.sink('pgtap.replay', 'public', 3, '{}'); END $$;
SELECT is((SELECT pg_temp.outline(r.page) FROM khala.replay('pgtap.replay', 5, NULL) AS r), 'public@6', 'an emptied topic: it goes on counting');

-- A new topic.
DO $$ BEGIN PERFORM khala.register_topic('pgtap.replay_new', p_ownership => 'mixed'); END $$;
SELECT results_eq(
    format('SELECT r.next_watermark, r.head_watermark, r.complete, r.updates FROM khala.replay(%L, %L, NULL) AS r', 'pgtap.replay_new', v.after),
    'VALUES (0::bigint, 0::bigint, TRUE, 0)', 'a new topic is complete, from ' || coalesce(v.after::text, 'null')
)
FROM (VALUES (0), (NULL)) AS v (after);

-- Bytes. Ten payloads of 1,000 bytes; limits that fit some of them.
DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.replay_bytes', p_inline_limit_bytes => 5000, p_ownership => 'mixed');
    FOR v_place IN 1 .. 10 LOOP
        PERFORM khala.sink('pgtap.replay_bytes', 'k' || v_place, 1, jsonb_build_object('x', repeat('x', 992)));
    END LOOP;
    PERFORM khala.sink('pgtap.replay_bytes', 'large', 1, jsonb_build_object('x', repeat('x', 20000)));
    PERFORM khala.sink('pgtap.replay_bytes', 'small', 1, '{}', 'a');
END
$$;
SELECT is((SELECT r.updates FROM khala.replay('pgtap.replay_bytes', 0, 'a', 200, v.bytes) AS r), v.updates, v.bytes || ' bytes: ' || v.updates || ' updates')
FROM (VALUES (1, 1), (1000, 1), (2600, 2), (5000, 3), (20000, 12), (2097152, 12)) AS v (bytes, updates);
SELECT cmp_ok((SELECT octet_length(r.page) FROM khala.replay('pgtap.replay_bytes', 0, 'a', 200, v.bytes) AS r), '<=', v.bytes, 'a page is not larger than ' || v.bytes)
FROM (VALUES (2600), (5000), (8000), (10000), (15000)) AS v (bytes);
SELECT is(
    (SELECT pg_temp.outline(r.page) FROM khala.replay('pgtap.replay_bytes', 10, 'a', 200, 1000) AS r), 'large@11 pointer, small@12',
    'a payload over the inline limit is a pointer, and takes the room of one'
);
SELECT is(
    (SELECT r.next_watermark FROM khala.replay('pgtap.replay_bytes', 9, 'b', 200, 1) AS r), 10::bigint, 'one update at least, however large'
);

-- Pages put together are the whole, whatever their size.
CREATE FUNCTION pg_temp.all_pages(p_org text, p_updates integer, p_bytes integer)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_outline text[] := '{}';
    v_after bigint := 0;
    v_page record;
BEGIN
    LOOP
        v_page := khala.replay('pgtap.replay_bytes', v_after, p_org, p_updates, p_bytes);
        ASSERT v_page.next_watermark > v_after OR v_page.complete, 'every page moves';
        v_outline := v_outline || pg_temp.outline(v_page.page);
        v_after := v_page.next_watermark;
        EXIT WHEN v_page.complete;
    END LOOP;
    RETURN array_to_string(v_outline, ', ');
END
$$;
SELECT is(
    pg_temp.all_pages(v.org, v.updates, v.bytes), (SELECT pg_temp.outline(r.page) FROM khala.replay('pgtap.replay_bytes', 0, v.org) AS r),
    format('in pages of %s updates and %s bytes, for %s', v.updates, v.bytes, v.org)
)
FROM (VALUES ('a', 1, 2097152), ('a', 3, 2097152), ('b', 200, 1), ('a', 200, 3000), ('b', 5, 4000)) AS v (org, updates, bytes);

-- A subscriber who may see next to nothing: work per call is bounded, and the cursor moves on.
DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.replay_sparse', p_ownership => 'mixed');
    PERFORM khala.sink_batch(
        'pgtap.replay_sparse',
        (SELECT jsonb_agg(jsonb_build_object('doc_key', 'k' || i, 'doc_version', 1, 'payload', '{}'::jsonb, 'org_id', 'a') ORDER BY i)
        FROM generate_series(1, 5999) AS i)
    );
    PERFORM khala.sink('pgtap.replay_sparse', 'last', 1, '{}');
END
$$;
SELECT results_eq(
    $$SELECT r.next_watermark, r.complete, r.updates FROM khala.replay('pgtap.replay_sparse', 0, 'b') AS r$$,
    'VALUES (5000::bigint, FALSE, 0)', 'an empty page in the middle covers what it looked at'
);
SELECT results_eq(
    $$SELECT r.next_watermark, r.complete, r.updates FROM khala.replay('pgtap.replay_sparse', 5000, 'b') AS r$$,
    'VALUES (6000::bigint, TRUE, 1)', 'and the next one gets there'
);

-- Watermarks beyond 2^53, and a pointer topic.
DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.replay_far', p_payload_mode => 'pointer', p_ownership => 'mixed');
    UPDATE runtime.sync_topic_sequences SET head_watermark = 9007199254740990 WHERE topic = 'pgtap.replay_far';
    UPDATE runtime.sync_topic_retention SET retention_floor = 9007199254740991 WHERE topic = 'pgtap.replay_far';
    PERFORM khala.sink('pgtap.replay_far', 'k', 9007199254740991, '{}');
    PERFORM khala.sink('pgtap.replay_far', 'k', 9007199254740992, '{}');
END
$$;
SELECT is(
    (SELECT regexp_replace(r.page, '"payload_hash":"[^"]+"', '"payload_hash":"…"', 'g') FROM khala.replay('pgtap.replay_far', NULL, NULL) AS r),
    '{"updates":[{"topic":"pgtap.replay_far","doc_key":"k","doc_version":9007199254740991,"watermark":9007199254740991,"payload_hash":"…","hydration_required":true},'
    || '{"topic":"pgtap.replay_far","doc_key":"k","doc_version":"9007199254740992","watermark":"9007199254740992","payload_hash":"…","hydration_required":true}],'
    || '"replay_complete":true,"head_watermarks":[{"topic":"pgtap.replay_far","watermark":"9007199254740992"}],"covered_watermarks":[{"topic":"pgtap.replay_far","watermark":"9007199254740992"}]}',
    'numbers above 2^53 - 1 are strings, and pointers have no payload'
);
SELECT is((SELECT r.updates FROM khala.replay('pgtap.replay_far', 9007199254740991, NULL) AS r), 1, 'a cursor beyond 2^53 is exact');

-- Compacted: what a later row has replaced is left out, in the same order, and the whole is covered.
DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.replay_compact', p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.replay_compact', 'k' || i % 3, i, '{}', 'a') FROM generate_series(1, 99) AS s (i);
    PERFORM khala.sink('pgtap.replay_compact', 'k0', 100, '{}', 'b');
END
$$;
SELECT is(
    (SELECT concat_ws(' / ', pg_temp.outline(r.page), r.next_watermark, r.complete, r.updates)
    FROM khala.replay('pgtap.replay_compact', 0, v.org, 200, 2097152, NULL, TRUE) AS r), v.outline, v.what
)
FROM (
    VALUES
    ('a', 'k1@97, k2@98, k0@100 gone / 100 / t / 3', 'compacted: the last of each, and the tombstone'),
    ('b', 'k0@100 / 100 / t / 1', 'compacted, for the new owner'),
    (NULL, '100 / t / 0', 'compacted, with nothing to see')
) AS v (org, outline, what);
SELECT is((SELECT r.updates FROM khala.replay('pgtap.replay_compact', 0, 'a') AS r), 100, 'not asked for: every version');

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
    format(
        'SELECT (SELECT string_agg(concat(u.value ->> %L, u.value ->> %L), %L ORDER BY u.ordinality) FROM jsonb_array_elements(r.page::jsonb -> %L) WITH ORDINALITY AS u), r.next_watermark, r.complete, r.updates
         FROM khala.replay(%L, 0, %L, %s, p_compact => %L, p_subset => %L) AS r',
        'watermark', 'deleted', ' ', 'updates', 'pgtap.subsets', v.org, v.most, v.compact, khala_internal.make_subset(v.beginnings, v.are_keys)
    ),
    format('VALUES (%L, %s::bigint, %L::boolean, %s)', v.outline, v.covered, v.complete, v.updates), v.what
)
FROM (
    VALUES
    ('a', 200, FALSE, '{x/}'::text[], FALSE, '1 3 4true', 5, TRUE, 3, 'a prefix: what comes after it is covered'),
    ('a', 1, FALSE, '{x/}', FALSE, '1', 2, FALSE, 1, 'a page ends before the next update that is in it'),
    ('a', 200, TRUE, '{x/}', FALSE, '1 3 4true', 5, TRUE, 3, 'nothing is left out where little has been replaced'),
    ('b', 200, FALSE, '{x/1,y/1}', TRUE, '2 4 5', 5, TRUE, 3, 'keys'),
    ('a', 200, FALSE, '{y/}', FALSE, '2 5', 5, TRUE, 2, 'no tombstone of what is not in it'),
    ('a', 200, FALSE, '{z}', FALSE, NULL, 5, TRUE, 0, 'nothing, and all of it covered'),
    ('a', 200, FALSE, '{x/,y/1}', FALSE, '1 2 3 4true 5', 5, TRUE, 5, 'several prefixes')
) AS v (org, most, compact, beginnings, are_keys, outline, covered, complete, updates, what);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
