BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(3);

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

SELECT throws_ok(
    $$SELECT khala_internal.refuse_size(3, 'k', 'a.topic', 300, 200)$$, 'KH004', 'payload has 300 bytes, topic a.topic takes 200',
    'it says how large and how large it may be'
);
SELECT is(
    pg_temp.failure($$SELECT khala_internal.refuse_size(3, 'k', 'a.topic', 300, 200)$$) -> 'detail',
    '{"ordinal": 3, "doc_key": "k", "payload_bytes": 300, "limit": 200}', 'DETAIL says which document'
);
SELECT is(
    pg_temp.failure($$SELECT khala_internal.refuse_size(3, 'k', 'a.topic', 300, 200)$$) -> 'hinted', 'true'::jsonb,
    'and HINT what to do'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
