BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(33);

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
    PERFORM khala.register_topic('pgtap.cursor', p_enum_name => 'SYNC_TOPIC_PGTAP_CURSOR', p_ownership => 'mixed');
    FOR v_place IN 1 .. 10 LOOP
        PERFORM khala.sink('pgtap.cursor', 'k' || v_place, 1, '{}');
    END LOOP;
    -- The floor is 5, the head 10.
    PERFORM khala.retain('pgtap.cursor', now() + '1 day', '0', 4);
END
$$;

SELECT results_eq(
    format('SELECT c.topic, c.after, c.head_watermark FROM khala_internal.open_cursor(%L, %L, NULL) AS c', v.name, v.cursor),
    format('VALUES (%L, %s::bigint, 10::bigint)', 'pgtap.cursor', v.after), v.what
)
FROM (
    VALUES
    ('pgtap.cursor', 7, 7, 'within the journal'),
    ('pgtap.cursor', 10, 10, 'at the head'),
    ('pgtap.cursor', 4, 4, 'just below the floor: what comes next is there'),
    ('pgtap.cursor', NULL, 4, 'none: the earliest retained'),
    ('SYNC_TOPIC_PGTAP_CURSOR', 7, 7, 'under the other name')
) AS v (name, cursor, after, what);

SELECT is(
    pg_temp.failure(format('SELECT khala_internal.open_cursor(%L, %L, %L)', v.name, v.cursor, v.epoch)) - 'message',
    jsonb_build_object(
        'state', v.state, 'hinted', TRUE,
        'detail', jsonb_build_array(jsonb_build_object(
            'topic', v.name, 'resume_after', coalesce(v.cursor, 4), 'retention_floor', 5, 'head_watermark', 10,
            'reason', v.reason
        ))
    ), v.what
)
FROM (
    VALUES
    ('pgtap.cursor', 3::bigint, NULL, 'KH002', 'below_floor', 'one row before the floor is lost'),
    ('pgtap.cursor', 0, NULL, 'KH002', 'below_floor', 'cursor 0 is a cursor'),
    ('SYNC_TOPIC_PGTAP_CURSOR', 3, NULL, 'KH002', 'below_floor', 'the name is told as it was given'),
    ('pgtap.cursor', 11, NULL, 'KH003', 'cursor_ahead', 'one beyond the head'),
    ('pgtap.cursor', 9223372036854775807, NULL, 'KH003', 'cursor_ahead', 'as far beyond as can be'),
    ('pgtap.cursor', 7, 'no epoch', 'KH003', 'epoch_changed', 'another epoch'),
    ('pgtap.cursor', 7, '', 'KH003', 'epoch_changed', 'an empty epoch'),
    ('pgtap.cursor', 3, 'no epoch', 'KH003', 'epoch_changed', 'another epoch tells more than the floor'),
    ('pgtap.cursor', 11, 'no epoch', 'KH003', 'epoch_changed', 'and than the head'),
    ('pgtap.cursor', NULL, 'no epoch', 'KH003', 'epoch_changed', 'an epoch without a cursor is judged too')
) AS v (name, cursor, epoch, state, reason, what);
SELECT lives_ok(
    format('SELECT khala_internal.open_cursor(%L, 7, %L)', 'pgtap.cursor', khala.current_epoch()), 'the epoch in force'
);
SELECT throws_ok('SELECT khala_internal.open_cursor(' || v.arguments || ', NULL)', v.state, NULL, v.what)
FROM (
    VALUES
    ('''pgtap.cursor'', -1', 'KH007', 'a negative cursor'),
    ('''pgtap.cursor'', -9223372036854775808', 'KH007', 'a very negative cursor'),
    ('''pgtap.unknown'', 1', 'KH001', 'an unknown topic'), ('NULL, 1', 'KH001', 'no topic'),
    ('''PGTAP.CURSOR'', 1', 'KH001', 'a topic in capitals'), (''''', 1', 'KH001', 'an empty name')
) AS v (arguments, state, what);

-- A journal that is emptied completely keeps its head.
DO $$ BEGIN PERFORM khala.retain('pgtap.cursor', now() + '1 day', '0'); END $$;
SELECT lives_ok($$SELECT khala_internal.open_cursor('pgtap.cursor', 10, NULL)$$, 'emptied: a cursor at the head is good');
SELECT throws_ok($$SELECT khala_internal.open_cursor('pgtap.cursor', 9, NULL)$$, 'KH002', NULL, 'one below it is stale');
SELECT throws_ok($$SELECT khala_internal.open_cursor('pgtap.cursor', 11, NULL)$$, 'KH003', NULL, 'one above it is ahead');
SELECT is((SELECT c.after FROM khala_internal.open_cursor('pgtap.cursor', NULL, NULL) AS c), 10::bigint, 'none begins at the head');

-- A topic nobody has written to.
DO $$ BEGIN PERFORM khala.register_topic('pgtap.cursor_empty', p_ownership => 'mixed'); END $$;
SELECT is((SELECT c.after FROM khala_internal.open_cursor('pgtap.cursor_empty', NULL, NULL) AS c), 0::bigint, 'new topic: none begins at 0');
SELECT lives_ok($$SELECT khala_internal.open_cursor('pgtap.cursor_empty', 0, NULL)$$, 'new topic: 0 is good');
SELECT throws_ok($$SELECT khala_internal.open_cursor('pgtap.cursor_empty', 1, NULL)$$, 'KH003', NULL, 'new topic: 1 is ahead');

-- A restored dump, before ensure_epoch: no cursor is good, given with an epoch or without.
INSERT INTO runtime.sync_epochs (epoch_number, epoch, reason, fingerprint)
SELECT max(e.epoch_number) + 1, 'pgtap restored', 'test', '1/1/1/1' FROM runtime.sync_epochs AS e;
SELECT throws_ok(format('SELECT khala_internal.open_cursor(%L, %L, %L)', 'pgtap.cursor', v.cursor, v.epoch), 'KH003', NULL, v.what)
FROM (
    VALUES
    (10, NULL, 'restored: a cursor without its epoch'), (10, 'pgtap restored', 'restored: under the epoch it came with'),
    (NULL, NULL, 'restored: no cursor')
) AS v (cursor, epoch, what);
DO $$ BEGIN PERFORM khala.ensure_epoch(); END $$;
SELECT lives_ok($$SELECT khala_internal.open_cursor('pgtap.cursor', 10, NULL)$$, 'restored: until the epoch has been made sure of');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
