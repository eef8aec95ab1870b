BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(16);

DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.staging', p_writes => 'grouped', p_ownership => 'mixed');
    PERFORM khala.register_topic('pgtap.staging_direct', p_ownership => 'mixed');
    PERFORM set_config('khala.traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', TRUE);
END
$$;
CREATE FUNCTION pg_temp.stage(p_topic text, p_max integer, p_count integer)
RETURNS boolean LANGUAGE sql AS $$
SELECT khala_internal.stage_documents(
    p_topic, p_max, array_agg('k' || n), array_agg(n::bigint), array_agg('a'::text), array_agg('{}'::jsonb),
    array_agg(FALSE), array_agg('{}'::text), array_agg('\x00'::bytea)
) FROM generate_series(1, p_count) AS n
$$;

SELECT is(pg_temp.stage('pgtap.staging_direct', 10, 1), FALSE, 'a direct topic stages nothing');
SELECT is(pg_temp.stage('pgtap.staging', 10, 2), TRUE, 'a grouped one does');
SELECT results_eq(
    $$SELECT s.topic, s.position, s.doc_key COLLATE "default", s.doc_version, s.org_id, s.deleted, s.canonical, s.payload,
        s.payload_hash, s.traceparent
      FROM runtime.sync_staged_writes AS s WHERE s.topic LIKE 'pgtap.staging%' ORDER BY s.position$$,
    $$VALUES ('pgtap.staging', 1::bigint, 'k1', 1::bigint, 'a', FALSE, '{}', '{}'::jsonb, '\x00'::bytea,
            '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'),
        ('pgtap.staging', 2, 'k2', 2, 'a', FALSE, '{}', '{}', '\x00',
            '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')$$,
    'in the order given, with the writer''s trace context'
);
SELECT is(
    (
        SELECT count(*) FROM pg_locks AS l
        WHERE l.locktype = 'advisory' AND l.mode = 'ShareLock' AND l.pid = pg_backend_pid()
            AND (l.classid::bigint << 32 | l.objid::bigint) = khala_internal.staging_lock_key('pgtap.staging')
    ), 1::bigint, 'the shared lock is held to the end of the transaction'
);
SELECT is(pg_temp.stage('pgtap.staging', 10, 8), TRUE, 'as many as may be staged');
SELECT throws_ok(
    $$SELECT pg_temp.stage('pgtap.staging', 10, 1)$$, 'KH011',
    'topic pgtap.staging allows 10 staged writes and has no room for 1 more', 'and not one more'
);
SELECT throws_ok(
    $$SELECT pg_temp.stage('pgtap.staging', 11, 2)$$, 'KH011', NULL, 'a batch counts as many as it has'
);
CREATE FUNCTION pg_temp.hint(p_call text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_hint text;
BEGIN
    EXECUTE p_call;
    RETURN NULL;
EXCEPTION
    WHEN SQLSTATE 'KH011' THEN
        GET STACKED DIAGNOSTICS v_hint = PG_EXCEPTION_HINT;
        RETURN v_hint;
END
$$;
SELECT is(
    pg_temp.hint($$SELECT pg_temp.stage('pgtap.staging', 10, 11)$$), 'Write at most 10 documents at once.',
    'nobody is told to wait for room that there never is'
);
SELECT is(pg_temp.stage('pgtap.staging', 11, 1), TRUE, 'whoever was refused has taken nobody''s place');
DO $$ BEGIN PERFORM khala.sequence('pgtap.staging', 5); END $$;
SELECT is(pg_temp.stage('pgtap.staging', 10, 4), TRUE, 'what was sequenced makes room');
SELECT throws_ok($$SELECT pg_temp.stage('pgtap.staging', 10, 1)$$, 'KH011', NULL, 'for as many');

-- A logical copy has the rows, and a sequence that begins again.
CREATE FUNCTION pg_temp.sequenced()
RETURNS bigint LANGUAGE sql AS $$
SELECT sum(s.sequenced) FROM khala.sequence('pgtap.staging', 10000) AS s
$$;
DO $$
BEGIN
    PERFORM pg_temp.sequenced();
    UPDATE runtime.sync_topic_staging SET settled = 50, taken = 0, next_settled = NULL, next_transaction = NULL WHERE topic = 'pgtap.staging';
    PERFORM setval('runtime.sync_staged_pgtap_staging', 1, FALSE);
END
$$;
SELECT is(pg_temp.stage('pgtap.staging', 10, 2), TRUE, 'a write finds the sequence behind what is settled');
SELECT results_eq(
    $$SELECT w.position FROM runtime.sync_staged_writes AS w WHERE w.topic = 'pgtap.staging' ORDER BY w.position$$,
    ARRAY[51, 52]::bigint[], 'and is staged above it'
);
DO $$ BEGIN PERFORM setval('runtime.sync_staged_pgtap_staging', 1, FALSE); END $$;
SELECT is(pg_temp.stage('pgtap.staging', 10, 1), TRUE, 'one finds it behind what is staged');
SELECT is((SELECT max(w.position) FROM runtime.sync_staged_writes AS w), 53::bigint, 'and is staged behind that');
SELECT is(pg_temp.sequenced(), 3::bigint, 'all of them are sequenced');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
