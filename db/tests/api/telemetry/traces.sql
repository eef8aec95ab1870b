BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(8);

CREATE FUNCTION pg_temp.trace(p_number integer) RETURNS text LANGUAGE sql AS $$
SELECT '00-' || lpad(to_hex(p_number), 32, '0') || '-00f067aa0ba902b7-01'
$$;
DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.traces', p_ownership => 'mixed');
    FOR v_i IN 1..6 LOOP
        -- 1 and 4 with one trace, 2 with another, 6 with a third, 3 and 5 with none.
        PERFORM set_config(
            'khala.traceparent',
            CASE WHEN v_i IN (1, 4) THEN pg_temp.trace(7) WHEN v_i IN (2, 6) THEN pg_temp.trace(v_i) ELSE '' END,
            TRUE
        );
        PERFORM khala.sink('pgtap.traces', 'k' || v_i, 1, '{}');
    END LOOP;
    UPDATE runtime.sync_stream_events SET inserted_at = clock_timestamp() - '90 seconds'::interval
    WHERE topic = 'pgtap.traces' AND watermark = 1;
END
$$;
SELECT results_eq(
    $$SELECT t.traceparent, t.first_watermark, t.last_watermark, t.updates FROM khala.traces('pgtap.traces', 0, 6) AS t$$,
    $$VALUES (pg_temp.trace(7), 1::bigint, 4::bigint, 2::bigint), (pg_temp.trace(2), 2, 2, 1), (pg_temp.trace(6), 6, 6, 1)$$,
    'each trace once, in the order of watermarks'
);
SELECT results_eq(
    $$SELECT t.first_watermark FROM khala.traces('pgtap.traces', 1, 5) AS t$$, ARRAY[2::bigint, 4], 'after the one, up to the other'
);
SELECT is_empty($$SELECT t.updates FROM khala.traces('pgtap.traces', 4, 5) AS t$$, 'none where there is none');
SELECT is_empty($$SELECT t.updates FROM khala.traces('pgtap.unknown', 0, 6) AS t$$, 'nor in a topic that is not there');
SELECT results_eq(
    $$SELECT t.first_watermark FROM khala.traces('pgtap.traces', 0, 6, 2) AS t$$, ARRAY[1::bigint, 2], 'the first so many'
);
SELECT results_eq(
    $$SELECT t.age_s >= 90, t.age_s < 90 FROM khala.traces('pgtap.traces', 0, 2) AS t$$,
    $$VALUES (TRUE, FALSE), (FALSE, TRUE)$$, 'how long ago, by the clock of the database'
);
SELECT ok(has_function_privilege('khala_relay', 'khala.traces(text, bigint, bigint, integer)', 'EXECUTE'), 'relays may ask');
SELECT is(
    has_function_privilege('khala_runtime', 'khala.traces(text, bigint, bigint, integer)', 'EXECUTE'), FALSE, 'runtimes may not'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
