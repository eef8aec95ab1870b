BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(18);

-- The state busy takes a second session: tests/integration.
DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.arm', p_enum_name => 'SYNC_TOPIC_PGTAP_ARM', p_ownership => 'mixed');
    PERFORM khala.register_topic('pgtap.arm_other', p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.arm', 'k', 1, '{}');
    PERFORM khala.sink('pgtap.arm', 'k', 2, '{}');
END
$$;
CREATE FUNCTION pg_temp.armed(p_topic text)
RETURNS boolean LANGUAGE sql AS $$
SELECT s.armed FROM runtime.sync_topic_sequences AS s WHERE s.topic = p_topic
$$;
CREATE FUNCTION pg_temp.answer(p_topic text, p_seen bigint)
RETURNS text LANGUAGE sql AS $$
SELECT concat_ws(' ', a.head_watermark, a.state) FROM khala.arm(p_topic, p_seen) AS a
$$;

SELECT is(pg_temp.answer('pgtap.arm', 1), '2 moved', 'not all was seen: look now');
SELECT is(pg_temp.armed('pgtap.arm'), FALSE, 'and the next writer need not notify');
SELECT is(pg_temp.answer('pgtap.arm', 2), '2 armed', 'all was seen: sleep');
SELECT is(pg_temp.armed('pgtap.arm'), TRUE, 'the next writer notifies');
SELECT is(pg_temp.answer('pgtap.arm', 2), '2 armed', 'a second relay sleeps too');
SELECT is(pg_temp.answer('pgtap.arm', 1), '2 moved', 'a third looks first');
SELECT is(pg_temp.armed('pgtap.arm'), TRUE, 'without waking those that sleep');
SELECT is(pg_temp.answer('SYNC_TOPIC_PGTAP_ARM', 2), '2 armed', 'its other name will do');

-- Who disarms.
DO $$
BEGIN
    PERFORM khala.sink('pgtap.arm', 'k', 2, '{}');
    PERFORM khala.sink('pgtap.arm', 'k', 1, '{}');
    PERFORM khala.sink_batch('pgtap.arm', '[{"doc_key": "k", "doc_version": 2, "payload": {}}]');
END
$$;
SELECT is(pg_temp.armed('pgtap.arm'), TRUE, 'a write that writes nothing does not disarm');
DO $$ BEGIN PERFORM khala.sink('pgtap.arm_other', 'k', 1, '{}'); END $$;
SELECT is(pg_temp.armed('pgtap.arm'), TRUE, 'nor does a write to another topic');
DO $$ BEGIN PERFORM khala.retain('pgtap.arm', now() + '1 day', '0'); END $$;
SELECT is(pg_temp.armed('pgtap.arm'), TRUE, 'nor a purge');
DO $$ BEGIN PERFORM khala.sink('pgtap.arm', 'k', 3, '{}'); END $$;
SELECT is(pg_temp.armed('pgtap.arm'), FALSE, 'a write does');
SELECT is(pg_temp.answer('pgtap.arm', 2), '3 moved', 'and the sleeper looks');

SELECT is(pg_temp.answer('pgtap.arm', 9), '3 armed', 'more was seen than there is: a restored copy, and replay tells');

SELECT throws_ok('SELECT khala.arm(' || v.arguments || ')', v.state, NULL, v.what)
FROM (
    VALUES
    ('''pgtap.unknown'', 0', 'KH001', 'an unknown topic'),
    ('NULL, 0', 'KH001', 'no topic'),
    ('''pgtap.arm'', NULL', 'KH007', 'nothing seen')
) AS v (arguments, state, what);

-- The first query of khala.arm still saw it.
DO $$ BEGIN DELETE FROM runtime.sync_topic_sequences AS s WHERE s.topic = 'pgtap.arm_other'; END $$;
SELECT throws_ok('SELECT khala.arm(''pgtap.arm_other'', 0)', 'KH001', NULL, 'a topic that is removed meanwhile');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
