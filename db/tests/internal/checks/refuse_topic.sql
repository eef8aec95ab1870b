BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(6);

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
    $$SELECT khala_internal.refuse_topic('no.topic')$$, 'KH001', $$topic 'no.topic' is not known$$, 'it says which topic'
);
SELECT throws_ok('SELECT khala_internal.refuse_topic(NULL)', 'KH001', 'topic NULL is not known', 'and when there is none');
SELECT is(
    pg_temp.failure($$SELECT khala_internal.refuse_topic('no.topic')$$) -> 'hinted', 'true'::jsonb, 'and what to do'
);
SELECT cmp_ok(
    length(pg_temp.failure($$SELECT khala_internal.refuse_topic(repeat('x', 100000))$$) ->> 'message'), '<', 300,
    'a name however long does not fill the log'
);
SELECT is(
    pg_temp.failure($$SELECT khala_internal.refuse_topic('b', 'a')$$) - 'hinted',
    $${"state": "KH001", "message": "topic 'b' is not known", "detail": {"unknown_topics": ["b", "a"]}}$$, 'all of them, for programs'
);
SELECT cmp_ok(
    length(pg_temp.failure($$SELECT khala_internal.refuse_topic(repeat('x', 100000))$$) ->> 'detail'), '<', 300,
    'cut like the message'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
