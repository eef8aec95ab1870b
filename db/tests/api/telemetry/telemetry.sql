BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(15);

DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.telemetry', p_retention_horizon => '1 hour', p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.telemetry', 'k' || i, 1, jsonb_build_object('x', repeat('x', 92)))
    FROM generate_series(1, 5) AS i;
    UPDATE runtime.sync_stream_events SET inserted_at = now() - (10 - watermark) * '20 minutes'::interval
    WHERE topic = 'pgtap.telemetry';
END
$$;
CREATE TEMP VIEW mine AS
SELECT e.topic FROM jsonb_array_elements(khala.telemetry() -> 'topics') AS e (topic)
WHERE e.topic ->> 'topic' = 'pgtap.telemetry';

SELECT is(
    jsonb_array_length(khala.telemetry() -> 'topics')::bigint, (SELECT count(*) FROM runtime.sync_topics),
    'an entry for each topic'
);
SELECT is(
    (SELECT m.topic - 'last_purge_at_s' FROM mine AS m),
    '{"topic": "pgtap.telemetry", "head_watermark": 5, "retention_floor": 1, "rows": 5, "bytes": 500, "oldest_age_s": 10800,
      "writes_per_minute": 0, "armed": false, "staged_writes": 0, "staged_age_s": null, "retention_horizon_s": 3600, "overdue_s": 7200, "purges": 0, "purged_events": 0, "set_aside_rows": null}'::jsonb,
    'what the views say, durations in seconds'
);
SELECT is((SELECT m.topic -> 'last_purge_at_s' FROM mine AS m), 'null', 'never purged');
DO $$ BEGIN PERFORM khala.retain('pgtap.telemetry', now(), '130 minutes'); END $$;
SELECT is(
    (SELECT jsonb_build_array(m.topic -> 'retention_floor', m.topic -> 'purges', m.topic -> 'purged_events') FROM mine AS m),
    '[4, 1, 3]', 'after a purge'
);
SELECT ok(
    (SELECT abs((m.topic ->> 'last_purge_at_s')::double precision - date_part('epoch', clock_timestamp())) < 600 FROM mine AS m),
    'and when it was, in seconds since 1970'
);
CREATE TABLE public.pgtap_rows (id integer PRIMARY KEY);
DO $$ BEGIN PERFORM khala.attach('public.pgtap_rows', '{id}', p_topic => 'pgtap.attached', p_ownership => 'public'); END $$;
INSERT INTO runtime.attachment_set_aside (topic, row_key, reason) VALUES ('pgtap.attached', '1', 'no'), ('pgtap.attached', '2', 'no');
SELECT is(
    (SELECT t.value -> 'set_aside_rows' FROM jsonb_array_elements(khala.telemetry() -> 'topics') AS t WHERE t.value ->> 'topic' = 'pgtap.attached'),
    '2', 'rows of an attached table that cannot be documents'
);
SELECT is(khala.telemetry() -> 'drift', '{}', 'no drift');
INSERT INTO runtime.projection_checkpoints (projection, entity_id, last_seq, drift_count, projection_version, summary_hash)
VALUES ('pgtap.p', 'a', 1, 2, 1, sha256('x')), ('pgtap.p', 'b', 1, 3, 1, sha256('x')), ('pgtap.q', 'b', 1, 0, 1, sha256('x'));
SELECT is(khala.telemetry() -> 'drift', '{"pgtap.p": 5}', 'drift of each projection that has any');
SELECT cmp_ok(
    (khala.telemetry() -> 'sinks' -> v.outcome)::bigint, '>=', v.sinks, 'counted: ' || v.outcome
) FROM khala.sink_stats AS v (outcome, sinks) WHERE v.outcome = 'duplicate';
SELECT is(khala.telemetry() -> 'waiting_writers', '0', 'nobody waits for a topic''s row');
SELECT is(khala.telemetry() -> 'longest_wait_s', '0', 'so not for long either');
SELECT is(khala.telemetry() -> 'listeners', '0', 'no relay listens');
SELECT is(khala.telemetry() -> 'notification_queue_usage', to_jsonb(pg_notification_queue_usage()), 'the queue of notifications');
SELECT ok(has_function_privilege('khala_relay', 'khala.telemetry()', 'EXECUTE'), 'relays may ask');
SELECT is(has_function_privilege('khala_runtime', 'khala.telemetry()', 'EXECUTE'), FALSE, 'runtimes may not');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
