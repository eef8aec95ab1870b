BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(52);

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
    PERFORM khala.register_topic('pgtap.batch', p_ownership => 'mixed');
    PERFORM khala.register_topic('pgtap.batch_repeats', p_ownership => 'mixed');
    PERFORM khala.register_topic('pgtap.batch_inline', p_payload_mode => 'inline', p_inline_limit_bytes => 20, p_ownership => 'mixed');
    PERFORM khala.register_topic('pgtap.batch_public', p_ownership => 'public');
    PERFORM khala.register_topic('pgtap.batch_owned', p_ownership => 'owned');
    PERFORM khala.register_topic('pgtap.batch_next', p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.batch', 'there', 5, '{"n":1}', 'a');
END
$$;

SELECT results_eq(
    $$SELECT b.ordinal, b.doc_key, b.watermark, b.outcome FROM khala.sink_batch('pgtap.batch', '[
        {"doc_key": "new", "doc_version": 1, "payload": {"n": 1}},
        {"doc_key": "there", "doc_version": 4, "payload": {"n": 0}},
        {"doc_key": "owned", "doc_version": 0, "payload": {}, "org_id": "a"},
        {"doc_key": "public", "doc_version": 1, "payload": {}, "org_id": null, "deleted": false},
        {"doc_key": "gone", "doc_version": 1, "deleted": true, "org_id": "b"},
        {"doc_key": "text", "doc_version": "12", "payload": {}},
        {"doc_key": "large", "doc_version": 9223372036854775807, "payload": {}},
        {"doc_key": "large text", "doc_version": "9223372036854775807", "payload": {}},
        {"doc_key": "power", "doc_version": 1e3, "payload": {}}
    ]') AS b$$,
    $$VALUES (1, 'new', 2::bigint, 'applied'), (2, 'there', NULL, 'stale_version'), (3, 'owned', 3, 'applied'),
        (4, 'public', 4, 'applied'), (5, 'gone', 5, 'applied'), (6, 'text', 6, 'applied'), (7, 'large', 7, 'applied'),
        (8, 'large text', 8, 'applied'), (9, 'power', 9, 'applied')$$,
    'one row per document, watermarks in the order of the array'
);
SELECT results_eq(
    $$SELECT b.outcome FROM khala.sink_batch('pgtap.batch', '[
        {"doc_key": "new", "doc_version": 1, "payload": {"n": 1}},
        {"doc_key": "there", "doc_version": 5, "payload": {"n": 1}, "org_id": "a"},
        {"doc_key": "gone", "doc_version": 1, "deleted": true}
    ]') AS b$$,
    ARRAY['duplicate', 'duplicate', 'duplicate'], 'a batch of duplicates'
);
SELECT results_eq(
    $$SELECT b.watermark, b.outcome FROM khala.sink_batch('pgtap.batch', '[
        {"doc_key": "new", "doc_version": 1, "payload": {"n": 2}},
        {"doc_key": "new too", "doc_version": 1, "payload": {}},
        {"doc_key": "there", "doc_version": 5, "payload": {"n": 1}}
    ]') AS b$$,
    $$VALUES (10::bigint, 'rewritten'), (11, 'applied'), (12, 'rewritten')$$, 'rewritten ones'
);
SELECT is(
    (SELECT s.head_watermark FROM runtime.sync_topic_sequences AS s WHERE s.topic = 'pgtap.batch'), 12::bigint,
    'the head is the last written'
);
SELECT results_eq(
    $$SELECT d.doc_key, d.doc_version, d.org_id, d.deleted FROM runtime.sync_documents AS d
      WHERE d.topic = 'pgtap.batch' AND d.doc_key IN ('gone', 'there', 'power') ORDER BY d.doc_key$$,
    $$VALUES ('gone' COLLATE "C", 1::bigint, 'b', TRUE), ('power', 1000, NULL, FALSE), ('there', 5, NULL, FALSE)$$,
    'the read model follows'
);

-- A document that occurs several times: every occurrence meets what the one before it left.
SELECT results_eq(
    $$SELECT b.ordinal, b.doc_key, b.watermark, b.outcome FROM khala.sink_batch('pgtap.batch_repeats', '[
        {"doc_key": "a", "doc_version": 1, "payload": {"n": 1}},
        {"doc_key": "a", "doc_version": 1, "payload": {"n": 1}},
        {"doc_key": "b", "doc_version": 1, "payload": {}, "org_id": "x"},
        {"doc_key": "a", "doc_version": 2, "payload": {"n": 2}},
        {"doc_key": "a", "doc_version": 1, "payload": {"n": 1}},
        {"doc_key": "b", "doc_version": 1, "payload": {}, "org_id": "y"},
        {"doc_key": "c", "doc_version": 1, "payload": {}},
        {"doc_key": "a", "doc_version": 3, "deleted": true},
        {"doc_key": "a", "doc_version": 4, "payload": {"n": 4}},
        {"doc_key": "b", "doc_version": 2, "deleted": true, "org_id": "x"}
    ]') AS b$$,
    $$VALUES (1, 'a', 1::bigint, 'applied'), (2, 'a', NULL, 'duplicate'), (3, 'b', 2, 'applied'), (4, 'a', 3, 'applied'),
        (5, 'a', NULL, 'stale_version'), (6, 'b', 4, 'rewritten'), (7, 'c', 5, 'applied'), (8, 'a', 6, 'applied'),
        (9, 'a', 7, 'applied'), (10, 'b', 8, 'applied')$$,
    'repeated documents, in the order of the array'
);
SELECT results_eq(
    $$SELECT j.watermark, j.doc_key, j.doc_version, j.org_id, j.previous_org_id, j.deleted FROM runtime.sync_stream_events AS j
      WHERE j.topic = 'pgtap.batch_repeats' ORDER BY j.watermark$$,
    $$VALUES (1::bigint, 'a' COLLATE "C", 1::bigint, NULL, NULL, FALSE), (2, 'b', 1, 'x', NULL, FALSE),
        (3, 'a', 2, NULL, NULL, FALSE), (4, 'b', 1, 'y', 'x', FALSE), (5, 'c', 1, NULL, NULL, FALSE),
        (6, 'a', 3, NULL, NULL, TRUE), (7, 'a', 4, NULL, NULL, FALSE), (8, 'b', 2, 'y', NULL, TRUE)$$,
    'and so in the journal'
);
SELECT results_eq(
    $$SELECT count(*), min(b.watermark), max(b.watermark) FROM khala.sink_batch(
        'pgtap.batch_repeats',
        (SELECT jsonb_agg(jsonb_build_object('doc_key', 'hot', 'doc_version', i, 'payload', '{}'::jsonb) ORDER BY i)
         FROM generate_series(1, 300) AS i)) AS b$$,
    'VALUES (300::bigint, 9::bigint, 308::bigint)', 'three hundred versions of one document'
);

SELECT is_empty($$SELECT b.ordinal FROM khala.sink_batch('pgtap.batch', '[]') AS b$$, 'an empty batch');

-- Without a version the next one, left out or null.
SELECT results_eq(
    $$SELECT b.doc_key, b.watermark, b.outcome FROM khala.sink_batch('pgtap.batch_next', '[
        {"doc_key": "a", "payload": {}}, {"doc_key": "b", "doc_version": 7, "payload": {}}, {"doc_key": "a", "doc_version": null, "payload": {}},
        {"doc_key": "b", "payload": {}}, {"doc_key": "a", "deleted": true}
    ]') AS b ORDER BY b.ordinal$$,
    $$VALUES ('a', 1::bigint, 'applied'), ('b', 2, 'applied'), ('a', 3, 'applied'), ('b', 4, 'applied'), ('a', 5, 'applied')$$,
    'documents without a version'
);
SELECT results_eq(
    $$SELECT j.doc_key, j.doc_version FROM runtime.sync_stream_events AS j WHERE j.topic = 'pgtap.batch_next' ORDER BY j.watermark$$,
    $$VALUES ('a' COLLATE "C", 1::bigint), ('b', 7), ('a', 2), ('b', 8), ('a', 3)$$, 'take the next one'
);

-- What is refused, and where.
SELECT throws_ok(format('SELECT khala.sink_batch(%L, %L)', 'pgtap.batch', v.documents), 'KH007', NULL, 'not a batch: ' || coalesce(v.documents, 'null'))
FROM (VALUES (NULL), ('null'), ('{}'), ('5'), ('"x"'), ('true')) AS v (documents);
SELECT is(
    pg_temp.failure(
        format('SELECT khala.sink_batch(%L, %L)', 'pgtap.batch', '[{"doc_key": "k", "doc_version": 1, "payload": {}}, ' || v.document || ']')
    ) - 'message', '{"state": "KH007", "detail": {"ordinal": 2}, "hinted": true}', 'malformed: ' || v.document
)
FROM (
    VALUES
    ('null'), ('5'), ('[]'), ('{}'), ('{"doc_version": 1, "payload": {}}'), ('{"doc_key": null, "doc_version": 1, "payload": {}}'),
    ('{"doc_key": 5, "doc_version": 1, "payload": {}}'),
    ('{"doc_key": "k", "doc_version": -1, "payload": {}}'),
    ('{"doc_key": "k", "doc_version": 1.0, "payload": {}}'), ('{"doc_key": "k", "doc_version": true, "payload": {}}'),
    ('{"doc_key": "k", "doc_version": 1.5, "payload": {}}'), ('{"doc_key": "k", "doc_version": "x", "payload": {}}'),
    ('{"doc_key": "k", "doc_version": "", "payload": {}}'), ('{"doc_key": "k", "doc_version": [1], "payload": {}}'),
    ('{"doc_key": "k", "doc_version": 9223372036854775808, "payload": {}}'),
    ('{"doc_key": "k", "doc_version": 1e30, "payload": {}}'),
    ('{"doc_key": "k", "doc_version": 1, "payload": {}, "org_id": 5}'),
    ('{"doc_key": "k", "doc_version": 1, "deleted": "yes"}'), ('{"doc_key": "k", "doc_version": 1, "deleted": null}'),
    ('{"doc_key": "k", "doc_version": 1, "deleted": 1}'),
    ('{"doc_key": "k", "doc_version": 1, "payload": {}, "version": 1}')
) AS v (document);
SELECT is(
    pg_temp.failure(format('SELECT khala.sink_batch(%L, %L)', v.topic, v.documents)) - 'message',
    jsonb_build_object('state', v.state, 'hinted', TRUE, 'detail', v.detail::jsonb), v.what
)
FROM (
    VALUES
    (
        'pgtap.batch', '[{"doc_key": "k", "doc_version": 1, "payload": {}}, {"doc_key": "", "doc_version": 1, "payload": {}}]',
        'KH007', '{"ordinal": 2, "doc_key": ""}', 'an empty key'
    ),
    (
        'pgtap.batch',
        '[{"doc_key": "k", "doc_version": 1, "payload": {}}, {"doc_key": "k", "doc_version": 2, "payload": {}}, {"doc_key": "l", "doc_version": 1, "payload": []}]',
        'KH005', '{"ordinal": 3, "doc_key": "l"}', 'an array as payload, behind a repeated document'
    ),
    (
        'pgtap.batch', '[{"doc_key": "k", "doc_version": 1}]', 'KH005', '{"ordinal": 1, "doc_key": "k"}', 'no payload'
    ),
    (
        'pgtap.batch',
        '[{"doc_key": "k", "doc_version": 1, "payload": {}}, {"doc_key": "k", "doc_version": 2, "payload": {}}, {"doc_key": "l", "doc_version": 1, "payload": {"n": 1e400}}]',
        'KH005', '{"ordinal": 3, "doc_key": "l"}', '1e400, behind a repeated document'
    ),
    (
        'pgtap.batch_inline',
        '[{"doc_key": "k", "doc_version": 1, "payload": {}}, {"doc_key": "k", "doc_version": 2, "payload": {}}, {"doc_key": "l", "doc_version": 1, "payload": {"a": "1234567890123"}}]',
        'KH004', '{"ordinal": 3, "doc_key": "l", "payload_bytes": 21, "limit": 20}', 'a payload too large'
    ),
    (
        'pgtap.batch_public', '[{"doc_key": "k", "doc_version": 1, "payload": {}, "org_id": "a"}]', 'KH006',
        '{"ordinal": 1, "doc_key": "k"}', 'an owner in a public topic'
    ),
    (
        'pgtap.batch', '[{"doc_key": "k", "doc_version": 1, "payload": {}, "org_id": ""}]', 'KH007',
        '{"ordinal": 1, "doc_key": "k"}', 'an empty owner'
    ),
    (
        'pgtap.batch', '[{"doc_key": "k", "doc_version": 1, "deleted": true, "payload": null}]', 'KH007',
        '{"ordinal": 1, "doc_key": "k"}', 'a tombstone with a payload'
    ),
    (
        'pgtap.batch_owned', '[{"doc_key": "k", "doc_version": 1, "payload": {}, "org_id": "a"}, {"doc_key": "l", "doc_version": 1, "payload": {}}]',
        'KH006', '{"ordinal": 2, "doc_key": "l"}', 'no owner in an owned topic'
    )
) AS v (topic, documents, state, detail, what);
SELECT throws_ok(format('SELECT khala.sink_batch(%L, %L)', v.topic, v.documents), 'KH001', NULL, 'an unknown topic: ' || v.documents)
FROM (
    VALUES ('pgtap.unknown', '[{"doc_key": "k", "doc_version": 1, "payload": {}}]'), ('pgtap.unknown', '[]'), (NULL, '[]')
) AS v (topic, documents);
SELECT is(
    (SELECT s.head_watermark FROM runtime.sync_topic_sequences AS s WHERE s.topic = 'pgtap.batch'), 12::bigint,
    'a refused batch took no watermark'
);
SELECT is(
    (SELECT count(*) FROM runtime.sync_documents AS d WHERE d.topic LIKE 'pgtap.batch%' AND d.doc_key IN ('k', 'l')), 0::bigint,
    'and wrote none of its documents'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
