BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(27);

-- The state busy takes a second session: tests/integration.
DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.arm', p_enum_name => 'SYNC_TOPIC_PGTAP_ARM');
    PERFORM khala.register_topic('pgtap.arm_other');
    PERFORM khala.sink('pgtap.arm', 'k', 1, '{}');
    PERFORM khala.sink('pgtap.arm', 'k', 2, '{}');
END
$$;
CREATE FUNCTION pg_temp.armed(p_topic text)
RETURNS boolean LANGUAGE sql AS $$
SELECT s.armed FROM runtime.sync_topic_sequences AS s WHERE s.topic = p_topic
$$;
CREATE FUNCTION pg_temp.answer(p_topics text[], p_seen bigint[])
RETURNS text LANGUAGE sql AS $$
SELECT string_agg(concat_ws(' ', a.topic, a.head_watermark, a.state), ', ' ORDER BY a.topic COLLATE "C", a.state)
FROM khala.arm(p_topics, p_seen) AS a
$$;

SELECT is(pg_temp.answer(ARRAY['pgtap.arm'], ARRAY[1]), 'pgtap.arm 2 moved', 'not all was seen: look now');
SELECT is(pg_temp.armed('pgtap.arm'), FALSE, 'and the next writer need not notify');
SELECT is(pg_temp.answer(ARRAY['pgtap.arm'], ARRAY[2]), 'pgtap.arm 2 armed', 'all was seen: sleep');
SELECT is(pg_temp.armed('pgtap.arm'), TRUE, 'the next writer notifies');
SELECT is(pg_temp.answer(ARRAY['pgtap.arm'], ARRAY[2]), 'pgtap.arm 2 armed', 'a second relay sleeps too');
SELECT is(pg_temp.answer(ARRAY['pgtap.arm'], ARRAY[1]), 'pgtap.arm 2 moved', 'a third looks first');
SELECT is(pg_temp.armed('pgtap.arm'), TRUE, 'without waking those that sleep');
SELECT is(pg_temp.answer(ARRAY['SYNC_TOPIC_PGTAP_ARM'], ARRAY[2]), 'SYNC_TOPIC_PGTAP_ARM 2 armed', 'the name given comes back');

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
SELECT is(pg_temp.answer(ARRAY['pgtap.arm'], ARRAY[2]), 'pgtap.arm 3 moved', 'and the sleeper looks');

-- Several at once.
SELECT is(
    pg_temp.answer(ARRAY['pgtap.arm_other', 'pgtap.arm'], ARRAY[1, 2]), 'pgtap.arm 3 moved, pgtap.arm_other 1 armed', 'each topic by itself'
);
SELECT is(pg_temp.armed('pgtap.arm_other'), TRUE, 'one is armed');
SELECT is(pg_temp.armed('pgtap.arm'), FALSE, 'the other is not');
SELECT is(
    pg_temp.answer(ARRAY['pgtap.arm', 'SYNC_TOPIC_PGTAP_ARM'], ARRAY[2, 3]), 'SYNC_TOPIC_PGTAP_ARM 3 armed, pgtap.arm 3 moved',
    'one topic under both names'
);
SELECT is(pg_temp.answer(ARRAY['pgtap.arm'], ARRAY[9]), 'pgtap.arm 3 armed', 'more was seen than there is: a restored copy, and replay tells');
SELECT is(pg_temp.answer('{}', '{}'), NULL, 'none');
SELECT is(pg_temp.answer(NULL, NULL), NULL, 'none at all');

SELECT throws_ok('SELECT khala.arm(' || v.arguments || ')', v.state, NULL, v.what)
FROM (
    VALUES
    ('ARRAY[''pgtap.unknown''], ARRAY[0]', 'KH001', 'an unknown topic'),
    ('ARRAY[''pgtap.arm'', ''pgtap.unknown''], ARRAY[3, 0]', 'KH001', 'one among others'),
    ('ARRAY[''pgtap.arm''], ARRAY[1, 2]', 'KH007', 'more seen than topics'), ('ARRAY[''pgtap.arm''], NULL', 'KH007', 'nothing seen'),
    ('ARRAY[''pgtap.arm''], ARRAY[NULL]::bigint[]', 'KH007', 'an unknown watermark'), ('ARRAY[NULL]::text[], ARRAY[1]', 'KH007', 'no topic'),
    ('ARRAY[ARRAY[''pgtap.arm'']], ARRAY[ARRAY[1]]', 'KH007', 'arrays of arrays')
) AS v (arguments, state, what);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
