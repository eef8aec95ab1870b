BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(71);

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
    PERFORM khala.register_topic('pgtap.sink', p_ownership => 'mixed');
    PERFORM khala.register_topic('pgtap.sink_inline', p_payload_mode => 'inline', p_inline_limit_bytes => 20, p_ownership => 'mixed');
    PERFORM khala.register_topic('pgtap.sink_pointer', p_payload_mode => 'pointer', p_ownership => 'mixed');
    PERFORM khala.register_topic('pgtap.sink_auto', p_inline_limit_bytes => 20, p_ownership => 'mixed');
    PERFORM khala.register_topic('pgtap.sink_public', p_ownership => 'public');
    PERFORM khala.register_topic('pgtap.sink_owned', p_ownership => 'owned');
    PERFORM khala.register_topic('pgtap.sink_next', p_ownership => 'mixed');
END
$$;

-- Outcomes, in this order, on one document.
SELECT results_eq(
    format('SELECT w.watermark, w.outcome FROM khala.sink(%L, %L, %L, %L, %L) AS w', 'pgtap.sink', 'doc', v.version, v.payload, v.org),
    format('VALUES (%L::bigint, %L)', v.watermark, v.outcome), v.what
)
FROM (
    VALUES
    (1, '{"n":1}', NULL, 1, 'applied', 'a new document'),
    (1, '{"n":1}', NULL, NULL, 'duplicate', 'the same again'),
    (1, '{ "n" : 1.0 }', NULL, NULL, 'duplicate', 'the same written differently'),
    (0, '{"n":0}', NULL, NULL, 'stale_version', 'an older version'),
    (1, '{"n":2}', NULL, 2, 'rewritten', 'the same version with other content'),
    (2, '{"n":2}', NULL, 3, 'applied', 'a newer version with the same content'),
    (2, '{"n":2}', 'a', 4, 'rewritten', 'the same version of another owner'),
    (2, '{"n":2}', 'a', NULL, 'duplicate', 'again'),
    (2, '{"n":2}', NULL, 5, 'rewritten', 'made public'),
    (9223372036854775807, '{"n":3}', 'b', 6, 'applied', 'the largest version there is'),
    (9223372036854775806, '{"n":4}', 'b', NULL, 'stale_version', 'what is lower comes too late'),
    (NULL, '{"n":4}', 'b', NULL, 'stale_version', 'nothing comes after it')
) AS v (version, payload, org, watermark, outcome, what);
SELECT results_eq(
    $$SELECT d.doc_version, d.watermark, d.org_id, d.payload, d.payload_hash, d.payload_bytes, d.deleted
      FROM runtime.sync_documents AS d WHERE d.topic = 'pgtap.sink' AND d.doc_key = 'doc'$$,
    $$VALUES (9223372036854775807, 6::bigint, 'b', '{"n": 3}'::jsonb, khala.payload_hash('{"n":3}'), 7, FALSE)$$,
    'the read model has the last one'
);
SELECT results_eq(
    $$SELECT j.watermark, j.doc_version, j.payload, j.org_id, j.owner_changed, j.previous_org_id
      FROM runtime.sync_stream_events AS j WHERE j.topic = 'pgtap.sink' ORDER BY j.watermark$$,
    $$VALUES (1::bigint, 1::bigint, '{"n":1}', NULL, FALSE, NULL), (2, 1, '{"n":2}', NULL, FALSE, NULL),
        (3, 2, '{"n":2}', NULL, FALSE, NULL), (4, 2, '{"n":2}', 'a', TRUE, NULL),
        (5, 2, '{"n":2}', NULL, TRUE, 'a'), (6, 9223372036854775807, '{"n":3}', 'b', TRUE, NULL)$$,
    'the journal has every change in order, as canonical text, with whom the document left'
);
SELECT is(
    (SELECT s.head_watermark FROM runtime.sync_topic_sequences AS s WHERE s.topic = 'pgtap.sink'), 6::bigint,
    'what was not written took no watermark'
);
SELECT cmp_ok(
    (SELECT d.updated_at FROM runtime.sync_documents AS d WHERE d.topic = 'pgtap.sink' AND d.doc_key = 'doc'), '>=',
    now(), 'the read model says when'
);

-- The next version.
SELECT results_eq(
    format('SELECT w.outcome FROM khala.sink(%L, %L, %L, %L, p_deleted => %L) AS w', 'pgtap.sink_next', 'doc', v.version, v.payload, v.payload IS NULL),
    ARRAY['applied'], v.what
)
FROM (
    VALUES
    (NULL::bigint, '{}', 'no version of a new document'), (NULL, '{}', 'nor of one that is there, though it says the same'),
    (40, '{"n":1}', 'a version'), (NULL, '{"n":2}', 'none again'), (NULL, NULL, 'none of a deletion'), (NULL, '{}', 'nor afterwards')
) AS v (version, payload, what);
SELECT results_eq(
    $$SELECT j.doc_version, j.deleted FROM runtime.sync_stream_events AS j WHERE j.topic = 'pgtap.sink_next' ORDER BY j.watermark$$,
    $$VALUES (1::bigint, FALSE), (2, FALSE), (40, FALSE), (41, FALSE), (42, TRUE), (43, FALSE)$$, 'each is the next'
);

-- Deleted and back.
DO $$ BEGIN PERFORM khala.sink_delete('pgtap.sink', 'back', 5, 'a'); END $$;
SELECT results_eq(
    format('SELECT w.watermark, w.outcome FROM khala.sink(%L, %L, %s, %L, %L) AS w', 'pgtap.sink', 'back', v.version, v.payload, v.org),
    format('VALUES (%L::bigint, %L)', v.watermark, v.outcome), v.what
)
FROM (
    VALUES
    (4, '{}', 'a', NULL, 'stale_version', 'what is older than the tombstone does not come back'),
    (5, '{}', 'b', 8, 'rewritten', 'the version of the tombstone does'),
    (6, '{}', 'b', 9, 'applied', 'and so does a newer one')
) AS v (version, payload, org, watermark, outcome, what);
SELECT is(
    (SELECT j.owner_changed FROM runtime.sync_stream_events AS j WHERE j.topic = 'pgtap.sink' AND j.watermark = 8), FALSE,
    'a deleted document has no owner to leave'
);

-- Payload modes.
SELECT results_eq(
    format('SELECT w.outcome FROM khala.sink(%L, %L, 1, %L) AS w', v.topic, v.key, v.payload), ARRAY['applied'], v.what
)
FROM (
    VALUES
    ('pgtap.sink_inline', 'fits', '{"a":"123456789012"}', 'inline: 20 bytes of 20'),
    ('pgtap.sink_pointer', 'small', '{}', 'pointer: a small one'),
    ('pgtap.sink_auto', 'fits', '{"a":"123456789012"}', 'auto: 20 bytes of 20'),
    ('pgtap.sink_auto', 'large', '{"a":"1234567890123"}', 'auto: 21'),
    ('pgtap.sink_auto', 'spaced', '{ "a" : "123456789012" }', 'auto: canonical bytes count')
) AS v (topic, key, payload, what);
SELECT results_eq(
    $$SELECT j.topic, j.doc_key, j.payload IS NOT NULL, j.payload_bytes FROM runtime.sync_stream_events AS j
      WHERE j.topic ~ '^pgtap.sink_(auto|inline|pointer)$' ORDER BY j.topic, j.watermark$$,
    $$VALUES ('pgtap.sink_auto', 'fits' COLLATE "C", TRUE, 20), ('pgtap.sink_auto', 'large', FALSE, 21),
        ('pgtap.sink_auto', 'spaced', TRUE, 20), ('pgtap.sink_inline', 'fits', TRUE, 20),
        ('pgtap.sink_pointer', 'small', FALSE, 2)$$,
    'the journal carries what the mode lets it'
);
SELECT is(
    (SELECT count(*) FROM runtime.sync_documents AS d WHERE d.topic ~ '^pgtap.sink_(auto|inline|pointer)$' AND d.payload IS NOT NULL),
    5::bigint, 'the read model carries all of them'
);
SELECT is(
    pg_temp.failure($$SELECT khala.sink('pgtap.sink_inline', 'large', 1, '{"a":"1234567890123"}')$$) - 'message',
    '{"state": "KH004", "detail": {"ordinal": 1, "doc_key": "large", "payload_bytes": 21, "limit": 20}, "hinted": true}',
    'inline: 21 bytes are refused'
);

-- Documents without owners.
SELECT results_eq(
    $$SELECT w.outcome FROM khala.sink('pgtap.sink_public', 'k', 1, '{}') AS w$$, ARRAY['applied'], 'public, in a public topic'
);
SELECT throws_ok($$SELECT khala.sink('pgtap.sink_public', 'k', 2, '{}', 'a')$$, 'KH006', NULL, 'owned, in a public topic');
SELECT results_eq(
    $$SELECT w.outcome FROM khala.sink('pgtap.sink_owned', 'k', 1, '{}', 'a') AS w$$, ARRAY['applied'], 'owned, in an owned topic'
);
SELECT throws_ok($$SELECT khala.sink('pgtap.sink_owned', 'k', 2, '{}')$$, 'KH006', NULL, 'public, in an owned topic');

-- Whatever is refused.
SELECT throws_ok('SELECT khala.sink(' || v.arguments || ')', v.state, NULL, v.what)
FROM (
    VALUES
    ('''pgtap.unknown'', ''k'', 1, ''{}''', 'KH001', 'an unknown topic'),
    ('NULL, ''k'', 1, ''{}''', 'KH001', 'no topic'),
    ('''SYNC_TOPIC_RUNTIME_NOTIFICATIONS'', ''k'', 1, ''{}''', 'KH001', 'the name of an enum value'),
    ('''pgtap.sink'', NULL, 1, ''{}''', 'KH007', 'no key'),
    ('''pgtap.sink'', '''', 1, ''{}''', 'KH007', 'an empty key'),
    ('''pgtap.sink'', repeat(''k'', 513), 1, ''{}''', 'KH007', 'a key of 513 characters'),
    ('''pgtap.sink'', ''k'', 1, ''{}'', NULL, TRUE', 'KH007', 'a tombstone with a payload'),
    ('''pgtap.sink'', ''k'', 1, NULL, NULL, NULL', 'KH005', 'a tombstone or not: unknown'),
    ('''pgtap.sink'', ''k'', -1, ''{}''', 'KH007', 'a negative version'),
    ('''pgtap.sink'', ''k'', 1, ''{}'', ''''', 'KH007', 'an empty owner'),
    ('''pgtap.sink'', ''k'', 1, ''{}'', repeat(''o'', 201)', 'KH007', 'an owner of 201 characters'),
    ('''pgtap.sink'', repeat(''😀'', 512), 1, ''{}'', repeat(''😀'', 200)', 'KH007', 'more than an index can hold'),
    ('''pgtap.sink'', ''k'', 1, NULL', 'KH005', 'no payload'),
    ('''pgtap.sink'', ''k'', 1, ''null''', 'KH005', 'null'),
    ('''pgtap.sink'', ''k'', 1, ''[]''', 'KH005', 'an array'),
    ('''pgtap.sink'', ''k'', 1, ''"x"''', 'KH005', 'a string'),
    ('''pgtap.sink'', ''k'', 1, ''{"n":1e400}''', 'KH005', '1e400'),
    ('''pgtap.sink'', ''k'', 1, ''{"n":9007199254740993}''', 'KH005', '2^53 + 1'),
    ('''pgtap.sink'', ''k'', 1, (repeat(''{"a":'', 65) || ''1'' || repeat(''}'', 65))::jsonb', 'KH005', '65 levels')
) AS v (arguments, state, what);
SELECT is(
    (SELECT s.head_watermark FROM runtime.sync_topic_sequences AS s WHERE s.topic = 'pgtap.sink'), 9::bigint,
    'what was refused took no watermark'
);
SELECT is(
    (SELECT count(*) FROM runtime.sync_documents AS d WHERE d.topic = 'pgtap.sink' AND d.doc_key = 'k'), 0::bigint,
    'and left no document'
);

-- Keys are any text; the journal and the read model agree on it.
SELECT results_eq(
    format('SELECT w.outcome FROM khala.sink(%L, %L, 1, %L) AS w', 'pgtap.sink', v.key, '{}'), ARRAY['applied'],
    'a key like ' || to_json(v.key)
)
FROM (
    VALUES
    (' '), (E'\n'), ('a"b\c'), (''''), ('é'), (U&'e\0301'), ('😀'), (U&'\FFFF'), (repeat('😀', 512))
) AS v (key);
SELECT is(
    (SELECT count(DISTINCT d.doc_key) FROM runtime.sync_documents AS d WHERE d.topic = 'pgtap.sink'), 11::bigint,
    'each is a document of its own, however alike they look'
);

-- Contiguity whatever happened.
SELECT is(
    (
        SELECT array_agg(j.watermark ORDER BY j.watermark) = array_agg(j.place ORDER BY j.place)
        FROM (
            SELECT e.watermark, row_number() OVER (ORDER BY e.watermark) AS place
            FROM runtime.sync_stream_events AS e WHERE e.topic = 'pgtap.sink'
        ) AS j
    ), TRUE, 'the journal has no hole'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
