BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(5);

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

SELECT is(
    pg_temp.failure(
        $$SELECT khala_internal.refuse_payloads(
            11, ARRAY['a', 'b', 'c', 'd'], ARRAY['{}', NULL, '{"n":1e400}', '{"n":1e400}']::jsonb[],
            ARRAY[FALSE, TRUE, FALSE, FALSE])$$
    ) - 'message',
    '{"state": "KH005", "detail": {"ordinal": 13, "doc_key": "c"}, "hinted": true}', 'the first bad one is named'
);
SELECT throws_ok(
    $$SELECT khala_internal.refuse_payloads(1, ARRAY['a'], ARRAY['{"n":9007199254740993}']::jsonb[], ARRAY[FALSE])$$, 'KH005',
    'number 9007199254740993 is not exactly a double, in document ''a''', 'what is wrong with it, and which it is'
);
SELECT throws_ok(
    $$SELECT khala_internal.refuse_payloads(
        1, ARRAY['a'], ARRAY[repeat('[', 65) || repeat(']', 65)]::jsonb[], ARRAY[FALSE])$$,
    'KH005', 'payload is nested deeper than 64 levels, in document ''a''', 'whatever it was'
);
SELECT lives_ok(
    $$SELECT khala_internal.refuse_payloads(1, ARRAY['a'], ARRAY['{}']::jsonb[], ARRAY[FALSE])$$, 'good ones pass'
);
SELECT lives_ok(
    $$SELECT khala_internal.refuse_payloads(1, ARRAY['a'], ARRAY[NULL]::jsonb[], ARRAY[TRUE])$$, 'and tombstones'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
