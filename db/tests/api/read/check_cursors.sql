BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(109);

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
    PERFORM khala.register_topic('pgtap.check', p_enum_name => 'SYNC_TOPIC_PGTAP_CHECK', p_ownership => 'mixed');
    PERFORM khala.register_topic('pgtap.check_other', p_ownership => 'mixed');
    FOR v_place IN 1 .. 10 LOOP
        PERFORM khala.sink('pgtap.check', 'k' || v_place, 1, '{}');
    END LOOP;
    -- The floor is 5, the head 10.
    PERFORM khala.retain('pgtap.check', now() + '1 day', '0', 4);
END
$$;

CREATE FUNCTION pg_temp.answer(p_topics text[], p_resume_after jsonb, p_epoch text DEFAULT NULL, p_scopes text[] DEFAULT NULL)
RETURNS text LANGUAGE sql AS $$
SELECT string_agg(concat_ws(' ', c.name, c.topic, nullif(c.enum_name, 'SYNC_TOPIC_PGTAP_CHECK'), coalesce(c.resume_after::text, '-'), c.head_watermark, c.retention_floor, c.stale, c.reason), E'\n')
FROM khala.check_cursors(p_topics, p_resume_after, p_epoch, p_scopes) AS c
$$;

-- Shapes in which a cursor may come.
SELECT is(pg_temp.answer(ARRAY['pgtap.check'], v.resume_after::jsonb), 'pgtap.check pgtap.check ' || v.cursor || ' 10 5 f', 'taken: ' || coalesce(v.resume_after, 'null'))
FROM (
    VALUES
    (NULL, '-'), ('null', '-'), ('{}', '-'), ('[]', '-'), ('{"pgtap.check": 7}', '7'), ('{"pgtap.check": "7"}', '7'),
    ('{"SYNC_TOPIC_PGTAP_CHECK": 7}', '7'), ('[{"topic": "pgtap.check", "watermark": 7}]', '7'),
    ('[{"topic": "pgtap.check", "watermark": "7"}]', '7'), ('[{"topic": "SYNC_TOPIC_PGTAP_CHECK", "watermark": 7}]', '7'),
    ('{"pgtap.check": 7e0}', '7'), ('{"pgtap.check": "007"}', '7'), ('[{"topic": "pgtap.check", "watermark": 7, "more": 1}]', '7')
) AS v (resume_after, cursor);
SELECT is(
    pg_temp.answer(ARRAY['SYNC_TOPIC_PGTAP_CHECK'], v.resume_after::jsonb), 'SYNC_TOPIC_PGTAP_CHECK pgtap.check ' || v.cursor || ' 10 5 f',
    'under the other name: ' || coalesce(v.resume_after, 'null')
)
FROM (VALUES (NULL, '-'), ('{"pgtap.check": 7}', '7'), ('{"SYNC_TOPIC_PGTAP_CHECK": 7}', '7')) AS v (resume_after, cursor);

-- Verdicts.
SELECT is(
    pg_temp.answer(ARRAY['pgtap.check'], jsonb_build_object('pgtap.check', v.cursor), v.epoch),
    concat_ws(' ', 'pgtap.check pgtap.check', v.cursor, '10 5', v.reason IS NOT NULL, v.reason), v.what
)
FROM (
    VALUES
    (4::numeric, NULL, NULL, 'just below the floor'), (3, NULL, 'below_floor', 'one lower'), (0, NULL, 'below_floor', 'cursor 0 is a cursor'),
    (10, NULL, NULL, 'at the head'), (11, NULL, 'cursor_ahead', 'beyond it'),
    (9007199254740993, NULL, 'cursor_ahead', 'beyond 2^53, exactly'), (9223372036854775806, NULL, 'cursor_ahead', 'as far as can be'),
    (7, 'no epoch', 'epoch_changed', 'another epoch'), (7, '', 'epoch_changed', 'an empty epoch'),
    (3, 'no epoch', 'epoch_changed', 'another epoch comes first')
) AS v (cursor, epoch, reason, what);
SELECT is(
    pg_temp.answer(ARRAY['pgtap.check'], '{"pgtap.check": 7}', khala.current_epoch()), 'pgtap.check pgtap.check 7 10 5 f',
    'the epoch in force'
);
SELECT is(
    pg_temp.answer(ARRAY['pgtap.check'], NULL, 'no epoch'), 'pgtap.check pgtap.check - 10 5 f',
    'whoever has no cursor is never stale, whatever its epoch'
);
SELECT is(
    pg_temp.answer(ARRAY['pgtap.check_other', 'pgtap.check'], '{"pgtap.check": 3, "pgtap.check_other": 1}'),
    E'pgtap.check_other pgtap.check_other 1 0 1 t cursor_ahead\npgtap.check pgtap.check 3 10 5 t below_floor',
    'every stale cursor is named, in the order of the request'
);
SELECT is(
    pg_temp.answer(ARRAY['pgtap.check_other', 'pgtap.check'], '{"pgtap.check": 7}'),
    E'pgtap.check_other pgtap.check_other - 0 1 f\npgtap.check pgtap.check 7 10 5 f', 'a cursor for some only'
);
DO $$
BEGIN
    UPDATE runtime.sync_topic_sequences SET head_watermark = 9007199254740995 WHERE topic = 'pgtap.check_other';
    UPDATE runtime.sync_topic_retention SET retention_floor = 9007199254740994 WHERE topic = 'pgtap.check_other';
END
$$;
SELECT is(
    pg_temp.answer(ARRAY['pgtap.check_other'], jsonb_build_object('pgtap.check_other', v.cursor)),
    'pgtap.check_other pgtap.check_other ' || (v.cursor #>> '{}') || ' 9007199254740995 9007199254740994 ' || v.verdict, 'beyond 2^53: ' || v.cursor::text
)
FROM (
    VALUES
    ('9007199254740993'::jsonb, 'f'), ('"9007199254740993"', 'f'), ('"9007199254740992"', 't below_floor'), ('9007199254740996', 't cursor_ahead')
) AS v (cursor, verdict);

-- Malformed.
SELECT throws_ok(
    format('SELECT khala.check_cursors(ARRAY[%L], %L)', 'pgtap.check', v.resume_after), 'KH007', NULL, 'malformed: ' || v.resume_after
)
FROM (
    VALUES
    ('5'), ('"x"'), ('true'), ('[5]'), ('[null]'), ('[[]]'), ('["pgtap.check"]'), ('[{}]'), ('[{"topic": "pgtap.check"}]'),
    ('[{"watermark": 7}]'), ('[{"topic": null, "watermark": 7}]'), ('[{"topic": 5, "watermark": 7}]'),
    ('[{"topic": "pgtap.check", "watermark": null}]'), ('[{"topic": "pgtap.check", "watermark": {}}]'),
    ('[{"pgtap.check": 7}]'), ('{"pgtap.check": null}'), ('{"pgtap.check": -1}'), ('{"pgtap.check": 1.5}'), ('{"pgtap.check": true}'),
    ('{"pgtap.check": [7]}'), ('{"pgtap.check": {"watermark": 7}}'), ('{"pgtap.check": ""}'), ('{"pgtap.check": " 7"}'),
    ('{"pgtap.check": "+7"}'), ('{"pgtap.check": "7\n"}'), ('{"pgtap.check": "0x7"}'), ('{"pgtap.check": "seven"}'),
    ('{"pgtap.check": 9223372036854775807}'), ('{"pgtap.check": 1e30}'), ('{"pgtap.check": 1e30000}'), ('{"": 7}'),
    ('{"pgtap.unknown": 7}'), ('{"pgtap.check_other": 7}')
) AS v (resume_after);
SELECT throws_ok('SELECT khala.check_cursors(' || v.topics || ')', 'KH007', NULL, 'no request: ' || v.topics)
FROM (
    VALUES
    ('NULL'), ('''{}'''), ('ARRAY[NULL]::text[]'), ('ARRAY[''pgtap.check'', NULL]'), ('ARRAY[ARRAY[''pgtap.check''], ARRAY[''pgtap.check_other'']]')
) AS v (topics);

-- A topic that is named twice is meant once; the lowest of its cursors misses nothing.
SELECT results_eq(
    $$SELECT c.name, c.topic, c.resume_after FROM khala.check_cursors(
        ARRAY['SYNC_TOPIC_PGTAP_CHECK', 'pgtap.check_other', 'pgtap.check', 'pgtap.check'],
        '[{"topic": "pgtap.check", "watermark": 8}, {"topic": "SYNC_TOPIC_PGTAP_CHECK", "watermark": 7}]'
    ) AS c$$,
    $$VALUES ('SYNC_TOPIC_PGTAP_CHECK', 'pgtap.check', 7::bigint), ('pgtap.check_other', 'pgtap.check_other', NULL)$$,
    'a topic under two names'
);
SELECT results_eq(
    $$SELECT c.name FROM khala.check_cursors(ARRAY['pgtap.check'], NULL, NULL, ARRAY['SYNC_TOPIC_PGTAP_CHECK']) AS c$$,
    $$VALUES ('pgtap.check')$$,
    'a scope may have the name of the proto enum'
);

-- Unknown and forbidden topics.
SELECT is(
    pg_temp.failure($$SELECT khala.check_cursors(ARRAY['pgtap.x', 'pgtap.check', 'pgtap.a', 'pgtap.x'])$$) - 'message',
    '{"state": "KH001", "detail": {"unknown_topics": ["pgtap.a", "pgtap.x"]}, "hinted": true}', 'unknown topics, each once'
);
SELECT is(
    pg_temp.failure(
        $$SELECT khala.check_cursors(ARRAY['pgtap.x', 'pgtap.check', 'pgtap.check_other'], NULL, NULL, ARRAY['pgtap.check'])$$
    ) - 'message', '{"state": "KH006", "detail": {"forbidden_topics": ["pgtap.check_other", "pgtap.x"]}, "hinted": true}',
    'where scopes are given, unknown and out of scope look the same'
);
SELECT is(
    pg_temp.answer(ARRAY['SYNC_TOPIC_PGTAP_CHECK'], NULL, NULL, ARRAY['pgtap.check']), 'SYNC_TOPIC_PGTAP_CHECK pgtap.check - 10 5 f',
    'a scope allows the topic under both names'
);
SELECT throws_ok(
    $$SELECT khala.check_cursors(ARRAY['pgtap.check'], NULL, NULL, ARRAY[]::text[])$$, 'KH006', NULL, 'no scope allows nothing'
);
SELECT throws_ok(
    $$SELECT khala.check_cursors(ARRAY['pgtap.x'], '{"pgtap.x": 7}', NULL, ARRAY['pgtap.x'])$$, 'KH006', NULL,
    'a scope does not make a topic'
);
SELECT throws_ok(
    $$SELECT khala.check_cursors(ARRAY['pgtap.x'], '5', NULL, ARRAY['pgtap.check'])$$, 'KH007', NULL,
    'the shape is judged before the topics'
);
SELECT throws_ok(
    $$SELECT khala.check_cursors(ARRAY['pgtap.check', 'pgtap.x'], '{"pgtap.check": 3}', NULL, ARRAY['pgtap.check'])$$, 'KH006', NULL,
    'the topics before the cursors'
);

-- A restored dump, before ensure_epoch.
INSERT INTO runtime.sync_epochs (epoch_number, epoch, reason, fingerprint)
SELECT max(e.epoch_number) + 1, 'pgtap restored', 'test', '1/1/1/1' FROM runtime.sync_epochs AS e;
SELECT is(
    pg_temp.answer(ARRAY['pgtap.check'], '{"pgtap.check": 7}', v.epoch), 'pgtap.check pgtap.check 7 10 5 t epoch_changed',
    'restored: no cursor is good, with the epoch ' || coalesce(v.epoch, 'null')
)
FROM (VALUES (NULL), ('pgtap restored')) AS v (epoch);

-- Filters and scopes with prefixes.
SELECT is(
    (SELECT c.subset FROM khala.check_cursors('{pgtap.check}', NULL, NULL, v.scopes, v.filters) AS c), v.subset, v.what
)
FROM (
    VALUES
    (NULL::text[], NULL::jsonb, NULL::jsonb, 'neither: all keys'),
    ('{pgtap.check}', '{}', NULL, 'no filter, and the topic'),
    (NULL, '{"pgtap.check": {"keys": ["a"]}}', '{"lengths": [0], "marks": {"=a": null}}', 'keys'),
    (NULL, '{"SYNC_TOPIC_PGTAP_CHECK": {"prefix": "x/"}}', '{"lengths": [2], "marks": {"^x/": null}}', 'a prefix, by the other name'),
    ('{pgtap.check/x/}', NULL, '{"lengths": [2], "marks": {"^x/": null}}', 'a scope'),
    ('{pgtap.check/x/,SYNC_TOPIC_PGTAP_CHECK/y}', NULL, '{"lengths": [1, 2], "marks": {"^x/": null, "^y": null}}', 'several scopes'),
    ('{pgtap.check/x/,pgtap.check}', NULL, NULL, 'one of the whole topic'),
    ('{pgtap.check/x/}', '{"pgtap.check": {"keys": ["x/1", "x/2"]}}', '{"lengths": [0], "marks": {"=x/1": null, "=x/2": null}}', 'keys within a scope'),
    ('{pgtap.check/x/}', '{"pgtap.check": {"prefix": "x/1"}}', '{"lengths": [3], "marks": {"^x/1": null}}', 'a prefix within one'),
    (NULL, '{"pgtap.check": {"prefix": ""}}', NULL, 'an empty prefix')
) AS v (scopes, filters, subset, what);
SELECT is(
    pg_temp.failure(format('SELECT * FROM khala.check_cursors(%L, %L, NULL, %L, %L)', v.topics, v.cursors, v.scopes, v.filters)) - 'message',
    jsonb_build_object('state', 'KH006', 'detail', jsonb_build_object('forbidden_topics', v.forbidden), 'hinted', TRUE), v.what
)
FROM (
    VALUES
    ('{pgtap.check}', NULL, '{pgtap.check/x/}', '{"pgtap.check": {"keys": ["x/1", "y"]}}', ARRAY['pgtap.check'], 'a key out of scope'),
    ('{pgtap.check}', NULL, '{pgtap.check/x/}', '{"pgtap.check": {"prefix": "x"}}', ARRAY['pgtap.check'], 'a wider prefix'),
    ('{pgtap.check}', NULL, '{pgtap.check/x/}', '{"SYNC_TOPIC_PGTAP_CHECK": {"prefix": ""}}', ARRAY['SYNC_TOPIC_PGTAP_CHECK'], 'all of it'),
    ('{pgtap.check}', NULL, '{pgtap.check_other/x/}', NULL, ARRAY['pgtap.check'], 'a scope of another topic'),
    ('{pgtap.check}', '{"pgtap.check": 99}', '{pgtap.check/x/}', '{"pgtap.check": {"prefix": "y"}}', ARRAY['pgtap.check'], 'scopes before cursors')
) AS v (topics, cursors, scopes, filters, forbidden, what);
SELECT throws_ok(format('SELECT * FROM khala.check_cursors(%L, NULL, NULL, %L, %L)', v.topics, v.scopes, v.filters), v.state, v.message, v.what)
FROM (
    VALUES
    ('{pgtap.check}', NULL, '{"pgtap.check_other": {"prefix": "x"}}', 'KH007', 'filters names topic ''pgtap.check_other'', which is not among the topics or has another filter', 'a filter of no topic'),
    ('{pgtap.check}', NULL, '{"pgtap.unknown": {"prefix": "x"}}', 'KH007', 'filters names topic ''pgtap.unknown'', which is not among the topics or has another filter', 'of an unknown one'),
    ('{pgtap.check}', NULL, '{"pgtap.check": {"prefix": "x"}, "SYNC_TOPIC_PGTAP_CHECK": {"prefix": "x"}}', 'KH007', 'filters names topic ''SYNC_TOPIC_PGTAP_CHECK'', which is not among the topics or has another filter', 'two of one topic'),
    ('{pgtap.check}', NULL, '{"pgtap.check": {}}', 'KH007', 'filters["pgtap.check"] has the members none', 'malformed'),
    ('{pgtap.unknown}', '{}', '{"pgtap.unknown": 1}', 'KH007', 'filters["pgtap.unknown"] is not an object but a JSON number', 'shape before topics'),
    ('{pgtap.unknown}', '{}', '{"pgtap.unknown": {"prefix": "x"}}', 'KH006', 'the token does not allow topic ''pgtap.unknown''', 'topics before their filters'),
    ('{pgtap.check/x/}', '{pgtap.check/x/}', NULL, 'KH007', 'topics holds ''pgtap.check/x/'', and a topic has no /', 'a scope in the place of a topic')
) AS v (topics, scopes, filters, state, message, what);
SELECT is(
    (SELECT string_agg(concat(c.name, c.subset -> 'lengths'), ' ') FROM khala.check_cursors(
        '{pgtap.check_other,SYNC_TOPIC_PGTAP_CHECK}', NULL, NULL, NULL, '{"pgtap.check": {"prefix": "xyz"}}'
    ) AS c), 'pgtap.check_other SYNC_TOPIC_PGTAP_CHECK[3]', 'each topic has its own'
);
SELECT is(
    (SELECT c.subset FROM khala.check_cursors('{pgtap.check,SYNC_TOPIC_PGTAP_CHECK}', NULL, NULL, NULL, '{"pgtap.check": {"prefix": "x"}}') AS c),
    '{"lengths": [1], "marks": {"^x": null}}', 'a topic that is named twice has it once'
);
SELECT is(
    (SELECT c.stale FROM khala.check_cursors('{pgtap.check}', '{"pgtap.check": 3}', NULL, NULL, '{"pgtap.check": {"prefix": "x"}}') AS c),
    TRUE, 'a cursor is judged whatever the filter'
);
SELECT is(
    (SELECT c.subset FROM khala.check_cursors('{pgtap.check_other}', NULL, NULL, NULL, '{"pgtap.check_other": {"prefix": "x"}}') AS c),
    '{"lengths": [1], "marks": {"^x": null}}', 'a topic without another name'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
