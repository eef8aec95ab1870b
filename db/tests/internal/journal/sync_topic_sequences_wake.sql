BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(10);

-- That the notification arrives is tested with real sessions; here, when the trigger fires. Until the end of this
-- transaction the function counts its calls instead.
CREATE FUNCTION pg_temp.notifications()
RETURNS bigint LANGUAGE sql
RETURN coalesce(current_setting('pgtap.notifications', TRUE), '0')::bigint;
DO $$
BEGIN
    SET LOCAL ROLE khala_owner;
    CREATE OR REPLACE FUNCTION khala_internal.sync_topic_sequences_wake() RETURNS trigger LANGUAGE plpgsql AS $f$
    BEGIN
        PERFORM set_config('pgtap.notifications', (pg_temp.notifications() + 1)::text, TRUE);
        RETURN NULL;
    END
    $f$;
    RESET ROLE;
END
$$;

DO $$ BEGIN PERFORM khala.register_topic('pgtap.wake', p_ownership => 'mixed'); END $$;

SELECT has_trigger('runtime', 'sync_topic_sequences', 'sync_topic_sequences_wake', 'the trigger is there');
SELECT trigger_is(
    'runtime', 'sync_topic_sequences', 'sync_topic_sequences_wake', 'khala_internal', 'sync_topic_sequences_wake',
    'and calls the function'
);
SELECT function_returns('khala_internal', 'sync_topic_sequences_wake', ARRAY[]::name[], 'trigger', 'a trigger function');

DO $$ BEGIN PERFORM khala.sink('pgtap.wake', 'a', 1, '{}'); END $$;
SELECT is(pg_temp.notifications(), 0::bigint, 'nobody sleeps: a write notifies nobody');

DO $$ BEGIN PERFORM khala.arm('pgtap.wake', 1); END $$;
SELECT is(pg_temp.notifications(), 0::bigint, 'arming notifies nobody');
DO $$ BEGIN PERFORM khala.sink('pgtap.wake', 'a', 1, '{}'); END $$;
SELECT is(pg_temp.notifications(), 0::bigint, 'nor does a write that writes nothing');
DO $$ BEGIN PERFORM khala.sink('pgtap.wake', 'a', 2, '{}'); END $$;
SELECT is(pg_temp.notifications(), 1::bigint, 'the first write after arming does');
DO $$
BEGIN
    PERFORM khala.sink('pgtap.wake', 'a', 3, '{}');
    PERFORM khala.sink_delete('pgtap.wake', 'a', 4);
    PERFORM khala.sink_batch('pgtap.wake', '[{"doc_key": "b", "doc_version": 1, "payload": {}}]');
END
$$;
SELECT is(pg_temp.notifications(), 1::bigint, 'the following do not');

DO $$
BEGIN
    PERFORM khala.arm('pgtap.wake', 5);
    PERFORM khala.sink_batch(
        'pgtap.wake', (SELECT jsonb_agg(jsonb_build_object('doc_key', 'k' || i, 'doc_version', 1, 'payload', '{}'::jsonb))
        FROM generate_series(1, 50) AS i)
    );
END
$$;
SELECT is(pg_temp.notifications(), 2::bigint, 'a batch notifies once');
DO $$
BEGIN
    PERFORM khala.arm('pgtap.wake', 55);
    PERFORM khala.sink_delete('pgtap.wake', 'k1', 2);
END
$$;
SELECT is(pg_temp.notifications(), 3::bigint, 'a deletion as any write');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
