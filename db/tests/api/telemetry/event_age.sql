BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(6);

DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.age', p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.age', 'k1', 1, '{}');
    PERFORM khala.sink('pgtap.age', 'k2', 1, '{}');
    UPDATE runtime.sync_stream_events SET inserted_at = clock_timestamp() - '90 seconds'::interval
    WHERE topic = 'pgtap.age' AND watermark = 1;
END
$$;
SELECT cmp_ok(khala.event_age('pgtap.age', 1), '>=', 90::double precision, 'seconds since it was written');
SELECT cmp_ok(khala.event_age('pgtap.age', 2), '<', khala.event_age('pgtap.age', 1), 'of the one that was asked for');
SELECT cmp_ok(khala.event_age('pgtap.age', 2), '>=', 0::double precision, 'never ahead of the clock');
SELECT is(khala.event_age('pgtap.age', 3), NULL, 'null above the head');
SELECT is(khala.event_age('pgtap.unknown', 1), NULL, 'and for a topic that is not there');
SELECT is(
    has_function_privilege('khala_runtime', 'khala.event_age(text, bigint)', 'EXECUTE'), FALSE, 'runtimes have no use for it'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
