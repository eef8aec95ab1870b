BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(22);

SELECT is(khala_internal.traceparent(), NULL, 'nothing when nothing is set');
CREATE FUNCTION pg_temp.taken(p_setting text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('khala.traceparent', p_setting, TRUE);
    RETURN khala_internal.traceparent();
END
$$;
SELECT is(pg_temp.taken(v.setting), v.setting, v.what)
FROM (
    VALUES
    ('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', 'what is set'),
    ('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03', 'other flags beside sampled'),
    ('00-00000000000000000000000000000001-0000000000000001-ff', 'the smallest identifiers')
) AS v (setting, what);
SELECT is(pg_temp.taken(v.setting), NULL, v.what)
FROM (
    VALUES
    ('', 'nothing'),
    ('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00', 'a trace that is not sampled'),
    ('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02', 'nor by any other flag'),
    ('00-00000000000000000000000000000000-00f067aa0ba902b7-01', 'no trace'),
    ('00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01', 'no span'),
    ('00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01', 'capitals'),
    ('01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', 'a version that is not known'),
    ('ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', 'the version that there is not'),
    ('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x', 'more than version 00 has'),
    ('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7', 'less'),
    ('00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01', 'too short'),
    (' 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', 'a space before'),
    (E'00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\n', 'a line break after')
) AS v (setting, what);
SELECT is(pg_temp.taken(repeat('0', 1000000)), NULL, 'a megabyte of something');

-- Through the write path, by default and by nothing else.
DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.trace', p_ownership => 'mixed');
    PERFORM set_config('khala.traceparent', '', TRUE);
    PERFORM khala.sink('pgtap.trace', 'k1', 1, '{}');
    PERFORM set_config('khala.traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', TRUE);
    PERFORM khala.sink('pgtap.trace', 'k2', 1, '{}');
    PERFORM khala.sink_batch('pgtap.trace', '[{"doc_key": "k3", "doc_version": 1, "payload": {}}]');
    PERFORM khala.sink_delete('pgtap.trace', 'k1', 2);
    PERFORM set_config('khala.traceparent', '''; DROP TABLE runtime.runs; --', TRUE);
    PERFORM khala.sink('pgtap.trace', 'k4', 1, '{}');
END
$$;
SELECT results_eq(
    $$SELECT e.watermark FROM runtime.sync_stream_events AS e
      WHERE e.topic = 'pgtap.trace' AND e.traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
      ORDER BY e.watermark$$,
    ARRAY[2::bigint, 3, 4], 'sink, sink_batch and sink_delete keep it while it is set'
);
SELECT is(
    (SELECT count(*) FROM runtime.sync_stream_events AS e WHERE e.topic = 'pgtap.trace' AND e.traceparent IS NULL),
    2::bigint, 'and nothing otherwise'
);
SELECT unalike(
    pg_get_expr(d.adbin, d.adrelid), '%current_setting%', 'the rule stands in the function, not in the table'
)
FROM pg_attrdef AS d INNER JOIN pg_attribute AS a ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE d.adrelid = 'runtime.sync_stream_events'::regclass AND a.attname = 'traceparent';
SELECT is(
    has_function_privilege('khala_runtime', 'khala_internal.traceparent()', 'EXECUTE'), FALSE, 'nobody needs to call it'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
