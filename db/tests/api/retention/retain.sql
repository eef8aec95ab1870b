BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(59);

-- Purges that run beside writers, replays and each other take sessions: tests/integration.
DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.retain', p_retention_horizon => '1 hour', p_ownership => 'mixed');
    PERFORM khala.register_topic('pgtap.retain_other', p_retention_horizon => '2 hours', p_ownership => 'mixed');
    FOR v_place IN 1 .. 10 LOOP
        PERFORM khala.sink('pgtap.retain', 'k' || v_place % 4, v_place, '{}');
        PERFORM khala.sink('pgtap.retain_other', 'k' || v_place, 1, '{}');
    END LOOP;
    -- 10 minutes apart: at now(), rows 1 to 3 are older than an hour, 4 exactly as old, none than two.
    UPDATE runtime.sync_stream_events SET inserted_at = now() - (10 - watermark) * '10 minutes'::interval
    WHERE topic IN ('pgtap.retain', 'pgtap.retain_other');
END
$$;
CREATE FUNCTION pg_temp.journal(p_topic text)
RETURNS text LANGUAGE sql AS $$
SELECT coalesce(string_agg(j.watermark::text, ' ' ORDER BY j.watermark), 'empty') FROM runtime.sync_stream_events AS j WHERE j.topic = p_topic
$$;
CREATE FUNCTION pg_temp.answer(p_topic text, p_now timestamptz, p_horizon interval, p_batch integer)
RETURNS text LANGUAGE sql AS $$
SELECT string_agg(concat_ws(' ', r.topic, r.deleted, r.retention_floor, r.more), ', ')
FROM khala.retain(p_topic, p_now, p_horizon, p_batch) AS r
$$;

-- By age.
SELECT is(pg_temp.answer('pgtap.retain', now() - '1 day'::interval, NULL, 100), 'pgtap.retain 0 1 f', 'nothing was old then');
SELECT is((SELECT r.purges FROM runtime.sync_topic_retention AS r WHERE r.topic = 'pgtap.retain'), 0::bigint, 'what deletes nothing is no purge');
SELECT results_eq(
    $$SELECT r.topic, r.deleted, r.retention_floor, r.more FROM khala.retain('pgtap.retain') AS r$$,
    $$VALUES ('pgtap.retain', 3::bigint, 4::bigint, FALSE)$$, 'what is older than the topic''s horizon goes'
);
SELECT is(pg_temp.journal('pgtap.retain'), '4 5 6 7 8 9 10', 'a row exactly as old stays');
SELECT is(pg_temp.journal('pgtap.retain_other'), '1 2 3 4 5 6 7 8 9 10', 'other topics are left alone');
SELECT results_eq(
    $$SELECT r.retention_floor, r.purges, r.purged_events, r.last_purge_at >= now()
      FROM runtime.sync_topic_retention AS r WHERE r.topic = 'pgtap.retain'$$,
    'VALUES (4::bigint, 1::bigint, 3::bigint, TRUE)', 'the floor and the counters say so'
);
SELECT is(pg_temp.answer('pgtap.retain', now(), NULL, 100), 'pgtap.retain 0 4 f', 'again: nothing is left to do');
SELECT lives_ok($$SELECT khala.replay('pgtap.retain', 3, NULL)$$, 'a cursor just below the floor is good');
SELECT throws_ok($$SELECT khala.replay('pgtap.retain', 2, NULL)$$, 'KH002', NULL, 'one lower is stale');

-- Another horizon, another moment.
SELECT is(pg_temp.answer('pgtap.retain', now(), '55 minutes', 100), 'pgtap.retain 1 5 f', 'a shorter horizon for this call');
SELECT is(pg_temp.answer('pgtap.retain', now() - '10 minutes'::interval, '35 minutes', 100), 'pgtap.retain 1 6 f', 'as of another moment');
SELECT is(pg_temp.answer('pgtap.retain', now(), '1000 years', 100), 'pgtap.retain 0 6 f', 'a longer horizon brings nothing back');

-- Bounded batches.
SELECT is(pg_temp.answer('pgtap.retain_other', now() + '1 day'::interval, NULL, 4), 'pgtap.retain_other 4 5 t', 'a batch, and more to do');
SELECT is(pg_temp.journal('pgtap.retain_other'), '5 6 7 8 9 10', 'no more than the batch');
SELECT is(pg_temp.answer('pgtap.retain_other', now(), '25 minutes', 3), 'pgtap.retain_other 3 8 f', 'a batch that ends where the young begin');
SELECT is(pg_temp.answer('pgtap.retain_other', now(), '25 minutes', 3), 'pgtap.retain_other 0 8 f', 'which stay');
SELECT is(pg_temp.answer('pgtap.retain_other', now() + '1 day'::interval, NULL, 1), 'pgtap.retain_other 1 9 t', 'one');
SELECT is(pg_temp.answer('pgtap.retain_other', now() + '1 day'::interval, NULL, 2), 'pgtap.retain_other 2 11 f', 'a batch that ends where the journal does');
SELECT is(pg_temp.answer('pgtap.retain_other', now() + '1 day'::interval, NULL, 1), 'pgtap.retain_other 0 11 f', 'an empty journal');
SELECT results_eq(
    $$SELECT r.purges, r.purged_events FROM runtime.sync_topic_retention AS r WHERE r.topic = 'pgtap.retain_other'$$,
    'VALUES (4::bigint, 10::bigint)', 'every purge was counted'
);

-- Emptied completely.
SELECT is(pg_temp.journal('pgtap.retain_other'), 'empty', 'nothing is left');
SELECT is(
    (SELECT s.head_watermark FROM runtime.sync_topic_sequences AS s WHERE s.topic = 'pgtap.retain_other'), 10::bigint, 'the head survives'
);
SELECT results_eq(
    $$SELECT c.resume_after, c.stale, c.reason FROM khala.check_cursors(ARRAY['pgtap.retain_other'], '{"pgtap.retain_other": 10}') AS c$$,
    'VALUES (10::bigint, FALSE, NULL::text)', 'a cursor at the head is not stale'
);
SELECT results_eq(
    $$SELECT c.resume_after, c.stale, c.reason FROM khala.check_cursors(ARRAY['pgtap.retain_other'], '{"pgtap.retain_other": 9}') AS c$$,
    $$VALUES (9::bigint, TRUE, 'below_floor')$$, 'one below it is'
);
SELECT is((SELECT count(*) FROM runtime.sync_documents AS d WHERE d.topic = 'pgtap.retain_other'), 10::bigint, 'documents are not journal rows');
SELECT is((SELECT w.watermark FROM khala.sink('pgtap.retain_other', 'k1', 2, '{}') AS w), 11::bigint, 'it goes on counting');
SELECT is(pg_temp.answer('pgtap.retain_other', now(), NULL, 100), 'pgtap.retain_other 0 11 f', 'the floor was there already');
SELECT is((SELECT r.updates FROM khala.replay('pgtap.retain_other', 10, NULL) AS r), 1, 'whoever was at the head gets the next');

-- Clocks jump: the purge stops at the first row that is young enough, and leaves no hole.
DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.retain_clock', p_ownership => 'mixed');
    FOR v_place IN 1 .. 6 LOOP
        PERFORM khala.sink('pgtap.retain_clock', 'k', v_place, '{}');
    END LOOP;
    UPDATE runtime.sync_stream_events SET inserted_at = now() - '30 days'::interval
    WHERE topic = 'pgtap.retain_clock' AND watermark <> 3;
END
$$;
SELECT is(pg_temp.answer('pgtap.retain_clock', now(), NULL, 100), 'pgtap.retain_clock 2 3 f', 'old rows behind a young one wait for it');
SELECT is(pg_temp.journal('pgtap.retain_clock'), '3 4 5 6', 'no hole');
UPDATE runtime.sync_stream_events SET inserted_at = now() + '30 days'::interval WHERE topic = 'pgtap.retain_clock' AND watermark = 3;
SELECT is(pg_temp.answer('pgtap.retain_clock', now(), NULL, 100), 'pgtap.retain_clock 0 3 f', 'a row from the future holds up the purge');
SELECT is(pg_temp.answer('pgtap.retain_clock', now(), '0', 100), 'pgtap.retain_clock 0 3 f', 'whatever the horizon');
SELECT is(pg_temp.answer('pgtap.retain_clock', now() + '31 days'::interval, '0', 100), 'pgtap.retain_clock 4 7 f', 'until then');

-- Watermarks beyond 2^53.
DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.retain_far', p_ownership => 'mixed');
    UPDATE runtime.sync_topic_sequences SET head_watermark = 9007199254740990 WHERE topic = 'pgtap.retain_far';
    UPDATE runtime.sync_topic_retention SET retention_floor = 9007199254740991 WHERE topic = 'pgtap.retain_far';
    PERFORM khala.sink('pgtap.retain_far', 'k', v.version, '{}') FROM generate_series(1, 3) AS v (version);
END
$$;
SELECT is(pg_temp.answer('pgtap.retain_far', now() + '8 days'::interval, NULL, 2), 'pgtap.retain_far 2 9007199254740993 t', 'beyond 2^53');

-- All topics, in order; a horizon so long that nothing is deleted of those that are not this test's.
SELECT is(
    (
        SELECT array_agg(r.topic ORDER BY r.ordinality) FROM khala.retain(NULL, now(), '1000 years') WITH ORDINALITY AS r
        WHERE r.topic LIKE 'pgtap.retain%'
    ),
    ARRAY['pgtap.retain', 'pgtap.retain_clock', 'pgtap.retain_far', 'pgtap.retain_other'], 'without a topic: all of them, in order'
);
DO $$ BEGIN PERFORM khala.register_topic('pgtap.retain_new', p_ownership => 'mixed'); END $$;
SELECT is(pg_temp.answer('pgtap.retain_new', now(), NULL, 100), 'pgtap.retain_new 0 1 f', 'a topic nobody has written to');

-- Two purges with two snapshots cannot both delete: what one saw is settled before the other looks.
SELECT is(pg_temp.answer('pgtap.retain', now() + '1 day'::interval, '0', v.batch), v.answer, v.what)
FROM (VALUES (2, 'pgtap.retain 2 8 t', 'one purge'), (100, 'pgtap.retain 3 11 f', 'and another in the same statement')) AS v (batch, answer, what);

SELECT throws_ok('SELECT khala.retain(' || v.arguments || ')', v.state, NULL, v.what)
FROM (
    VALUES
    ('''pgtap.unknown''', 'KH001', 'an unknown topic'), ('''''', 'KH001', 'an empty name'),
    ('''SYNC_TOPIC_RUNTIME_NOTIFICATIONS''', 'KH001', 'the name of an enum value'),
    ('''pgtap.retain'', NULL', 'KH007', 'no moment'), ('''pgtap.retain'', now(), ''-1 day''', 'KH007', 'a negative horizon'),
    ('''pgtap.retain'', now(), ''7000 years''', 'KH007', 'a horizon before the calendar'),
    ('''pgtap.retain'', ''infinity''', 'KH007', 'a moment that never comes'),
    ('''pgtap.retain'', p_batch => 0', 'KH007', 'a batch of nothing'), ('''pgtap.retain'', p_batch => -1', 'KH007', 'of less'),
    ('''pgtap.retain'', p_batch => 1000001', 'KH007', 'of too much'), ('''pgtap.retain'', p_batch => NULL', 'KH007', 'of who knows how much')
) AS v (arguments, state, what);

-- Replay never meets a floor without its rows: the journal between floor and head is whole for every topic of this test.
SELECT is(
    (SELECT count(*) FROM runtime.sync_stream_events AS j WHERE j.topic = s.topic), s.head_watermark - r.retention_floor + 1,
    'the journal of ' || s.topic || ' is whole'
)
FROM runtime.sync_topic_sequences AS s
INNER JOIN runtime.sync_topic_retention AS r ON s.topic = r.topic
WHERE s.topic LIKE 'pgtap.retain%';
SELECT is(
    (SELECT min(j.watermark) FROM runtime.sync_stream_events AS j WHERE j.topic = r.topic), nullif(r.retention_floor, s.head_watermark + 1),
    'and begins at the floor: ' || s.topic
)
FROM runtime.sync_topic_sequences AS s
INNER JOIN runtime.sync_topic_retention AS r ON s.topic = r.topic
WHERE s.topic LIKE 'pgtap.retain%';

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
