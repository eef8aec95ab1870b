BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(24);

DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.gone', p_ownership => 'mixed');
    PERFORM khala.register_topic('pgtap.stays', p_ownership => 'mixed');
    PERFORM khala.sink(t.topic, 'k' || n, NULL, '{}')
    FROM (VALUES ('pgtap.gone'), ('pgtap.stays')) AS t (topic), generate_series(1, 3) AS n;
    PERFORM khala.sink_delete('pgtap.gone', 'k1', NULL);
    PERFORM khala.retain('pgtap.gone', now() + INTERVAL '1 day', '0', 1);
    PERFORM khala.set_topic_writes('pgtap.gone', 'grouped');
    PERFORM khala.sink('pgtap.gone', 'staged', NULL, '{}');
END
$$;
SELECT throws_ok(
    'SELECT khala.remove_topic(' || v.topic || ')', v.state, NULL, v.topic || ' cannot be removed'
)
FROM (
    VALUES
    ('''pgtap.nowhere''', 'KH001'), ('NULL', 'KH001'), ('''runtime.run_summaries''', 'KH008'), ('''runtime.codex_worker_summaries''', 'KH008')
) AS v (topic, state);
CREATE VIEW pg_temp.dependent AS SELECT d.doc_key FROM runtime.sync_pgtap_gone AS d;
SELECT throws_ok(
    $$SELECT khala.remove_topic('pgtap.gone')$$, 'KH008',
    'topic pgtap.gone cannot be removed: other objects depend on runtime.sync_pgtap_gone', 'a view of others depends on it'
);
DROP VIEW pg_temp.dependent;
SELECT is((SELECT count(*) FROM runtime.sync_pgtap_gone), 3::bigint, 'what was refused changed nothing');
SELECT results_eq(
    $$SELECT * FROM khala.remove_topic('pgtap.gone')$$, 'VALUES (3::bigint, 3::bigint)', 'it says how much was deleted'
);
SELECT is_empty(format('SELECT FROM runtime.%I WHERE topic = ''pgtap.gone''', v.name), v.name || ' has nothing of it')
FROM (
    VALUES
    ('sync_topics'), ('sync_topic_sequences'), ('sync_stream_events'), ('sync_documents'), ('sync_topic_staging'), ('sync_staged_writes')
) AS v (name);
SELECT hasnt_view('runtime', 'sync_pgtap_gone', 'nor is there its read model');
SELECT hasnt_sequence('runtime', 'sync_staged_pgtap_gone', 'nor its positions');
SELECT is_empty($$SELECT FROM khala.retention_stats AS r WHERE r.topic = 'pgtap.gone'$$, 'nothing shows it');
SELECT throws_ok($$SELECT khala.sink('pgtap.gone', 'k', 1, '{}')$$, 'KH001', NULL, 'it takes no write');
SELECT throws_ok($$SELECT khala.remove_topic('pgtap.gone')$$, 'KH001', NULL, 'it is removed once');
SELECT is((SELECT count(*) FROM runtime.sync_pgtap_stays), 3::bigint, 'other topics keep their documents');

-- Again, with the same name: the head was at 4, so a subscriber that had everything has the cursor 4.
DO $$ BEGIN PERFORM khala.register_topic('pgtap.gone', p_ownership => 'mixed'); END $$;
SELECT results_eq(
    $$SELECT c.resume_after, c.stale, c.reason FROM generate_series(0, 5) AS n
      CROSS JOIN LATERAL khala.check_cursors(ARRAY['pgtap.gone'], jsonb_build_object('pgtap.gone', n)) AS c ORDER BY n$$,
    $$VALUES (0::bigint, TRUE, 'below_floor'), (1, TRUE, 'below_floor'), (2, TRUE, 'below_floor'), (3, TRUE, 'below_floor'),
        (4, TRUE, 'below_floor'), (5, FALSE, NULL)$$,
    'every cursor of the removed topic is stale'
);
SELECT throws_ok($$SELECT khala.replay('pgtap.gone', 4, NULL)$$, 'KH002', NULL, 'for a replay as well');
SELECT is(
    (SELECT s.page::jsonb ->> 'watermark' FROM khala.snapshot('pgtap.gone', NULL) AS s), '5', 'its snapshot is of a later watermark'
);
SELECT is((SELECT s.watermark FROM khala.sink('pgtap.gone', 'k', 1, '{}') AS s), 6::bigint, 'as is its first write');
DO $$ BEGIN PERFORM khala.remove_topic('pgtap.gone'), khala.register_topic('pgtap.gone', p_ownership => 'mixed'); END $$;
SELECT is(
    (SELECT s.watermark FROM khala.sink('pgtap.gone', 'k', 1, '{}') AS s), 8::bigint, 'and again, each time'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
