BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(36);

DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.grouped', p_writes => 'grouped', p_ownership => 'mixed');
    PERFORM khala.register_topic('pgtap.grouped_twin', p_ownership => 'mixed');
    PERFORM khala.register_topic('pgtap.grouped_inline', p_payload_mode => 'inline', p_inline_limit_bytes => 20, p_writes => 'grouped', p_ownership => 'mixed');
    PERFORM khala.register_topic('pgtap.grouped_large', p_writes => 'grouped', p_ownership => 'mixed');
END
$$;
CREATE FUNCTION pg_temp.staged(p_topic text)
RETURNS bigint LANGUAGE sql AS $$
SELECT count(*) FROM runtime.sync_staged_writes AS s WHERE s.topic = p_topic
$$;

-- What a writer is told.
SELECT results_eq(
    $$SELECT s.watermark, s.outcome FROM khala.sink('pgtap.grouped', 'k', 2, '{"n":2}', 'a') AS s$$,
    $$VALUES (NULL::bigint, 'staged')$$, 'a sink is staged'
);
SELECT results_eq(
    $$SELECT s.watermark, s.outcome FROM khala.sink_delete('pgtap.grouped', 'k', 3, 'b') AS s$$,
    $$VALUES (NULL::bigint, 'staged')$$, 'a deletion too'
);
SELECT results_eq(
    $$SELECT b.ordinal, b.doc_key, b.watermark, b.outcome FROM khala.sink_batch('pgtap.grouped', '[
        {"doc_key": "k", "doc_version": 1, "payload": {}, "org_id": "a"},
        {"doc_key": "l", "doc_version": 1, "payload": {"b": 1, "a": 2}, "org_id": "a"},
        {"doc_key": "l", "doc_version": 2, "payload": {"a": 1.0}, "org_id": "b"}]') AS b$$,
    $$VALUES (1, 'k', NULL::bigint, 'staged'), (2, 'l', NULL, 'staged'), (3, 'l', NULL, 'staged')$$, 'and a batch'
);
SELECT is_empty($$SELECT * FROM khala.sink_batch('pgtap.grouped', '[]')$$, 'an empty batch stages nothing');
SELECT is(
    (SELECT s.head_watermark FROM runtime.sync_topic_sequences AS s WHERE s.topic = 'pgtap.grouped'), 0::bigint,
    'no watermark is taken'
);
SELECT is(pg_temp.staged('pgtap.grouped'), 5::bigint, 'all of them wait');
-- What is wrong with a document is told when it is staged.
SELECT throws_ok($$SELECT khala.sink('pgtap.grouped_inline', 'k', 1, '{"a":"0123456789012345"}', 'a')$$, 'KH004', NULL, 'too large');
SELECT throws_ok($$SELECT khala.sink('pgtap.grouped', 'k', 1, '{"n":9007199254740993}', 'a')$$, 'KH005', NULL, 'not I-JSON');
SELECT throws_ok($$SELECT khala.sink('pgtap.grouped', '', 1, '{}', 'a')$$, 'KH007', NULL, 'no key');
SELECT throws_ok(
    $$SELECT khala.sink_batch('pgtap.grouped', '[{"doc_key": "k", "doc_version": 1, "payload": {"n": 9007199254740993}, "org_id": "a"}]')$$,
    'KH005', NULL, 'in a batch too'
);
SELECT is(pg_temp.staged('pgtap.grouped'), 5::bigint, 'and nothing of it is staged');

-- Sequencing.
SELECT results_eq($$SELECT * FROM khala.sequence('pgtap.grouped', 2)$$, $$VALUES (2, 'more')$$, 'a batch, and there may be more');
SELECT results_eq($$SELECT * FROM khala.sequence('pgtap.grouped', 100)$$, $$VALUES (3, 'done')$$, 'the rest');
SELECT results_eq($$SELECT * FROM khala.sequence('pgtap.grouped')$$, $$VALUES (0, 'done')$$, 'nothing is left');
SELECT is(pg_temp.staged('pgtap.grouped'), 0::bigint, 'nor kept');
DO $$
BEGIN
    PERFORM khala.sink('pgtap.grouped_twin', 'k', 2, '{"n":2}', 'a');
    PERFORM khala.sink_delete('pgtap.grouped_twin', 'k', 3, 'b');
    PERFORM khala.sink('pgtap.grouped_twin', 'k', 1, '{}', 'a');
    PERFORM khala.sink('pgtap.grouped_twin', 'l', 1, '{"b":1,"a":2}', 'a');
    PERFORM khala.sink('pgtap.grouped_twin', 'l', 2, '{"a":1.0}', 'b');
END
$$;
SELECT results_eq(
    $$SELECT j.watermark, j.doc_key, j.doc_version, j.org_id, j.owner_changed, j.previous_org_id, j.deleted, j.payload,
        j.payload_hash, j.payload_bytes FROM runtime.sync_stream_events AS j WHERE j.topic = 'pgtap.grouped' ORDER BY j.watermark$$,
    $$SELECT j.watermark, j.doc_key, j.doc_version, j.org_id, j.owner_changed, j.previous_org_id, j.deleted, j.payload,
        j.payload_hash, j.payload_bytes FROM runtime.sync_stream_events AS j WHERE j.topic = 'pgtap.grouped_twin' ORDER BY j.watermark$$,
    'the journal is that of the same writes made directly'
);
SELECT results_eq(
    $$SELECT d.doc_key, d.doc_version, d.watermark, d.org_id, d.deleted, d.payload::text, d.payload_hash, d.payload_bytes
      FROM runtime.sync_documents AS d WHERE d.topic = 'pgtap.grouped' ORDER BY d.doc_key$$,
    $$SELECT d.doc_key, d.doc_version, d.watermark, d.org_id, d.deleted, d.payload::text, d.payload_hash, d.payload_bytes
      FROM runtime.sync_documents AS d WHERE d.topic = 'pgtap.grouped_twin' ORDER BY d.doc_key$$,
    'and so is the read model'
);

-- Asking for a notification.
SELECT results_eq($$SELECT * FROM khala.sequence('pgtap.grouped', 500, TRUE)$$, $$VALUES (0, 'armed')$$, 'nothing is staged: armed');
DO $$ BEGIN PERFORM khala.sink('pgtap.grouped', 'm', 1, '{}', 'a'); END $$;
SELECT is(
    (SELECT s.armed FROM runtime.sync_topic_staging AS s WHERE s.topic = 'pgtap.grouped'), TRUE,
    'a writer leaves it so: if it rolls back, the next one notifies'
);
SELECT results_eq($$SELECT * FROM khala.sequence('pgtap.grouped', 500, TRUE)$$, $$VALUES (1, 'done')$$, 'something is staged');
SELECT is(
    (SELECT s.armed FROM runtime.sync_topic_staging AS s WHERE s.topic = 'pgtap.grouped'), FALSE, 'whoever takes it disarms'
);

-- A batch ends at 4 MiB, and has one document at least.
DO $$
BEGIN
    PERFORM khala.sink('pgtap.grouped_large', 'k' || n, 1, jsonb_build_object('x', repeat('x', 3000000)), 'a')
    FROM generate_series(1, 3) AS n;
END
$$;
SELECT results_eq($$SELECT * FROM khala.sequence('pgtap.grouped_large')$$, $$VALUES (2, 'more')$$, 'a batch of large documents ends early');
SELECT results_eq($$SELECT * FROM khala.sequence('pgtap.grouped_large')$$, $$VALUES (1, 'done')$$, 'and the next goes on');

-- A topic that changed its ownership since.
DO $$
BEGIN
    PERFORM khala.sink('pgtap.grouped', 'owned', 1, '{}', 'a');
    PERFORM khala.sink('pgtap.grouped', 'public', 1, '{}');
    PERFORM khala.sink_delete('pgtap.grouped', 'nobody knows', 1);
    UPDATE runtime.sync_topics AS t SET ownership = 'owned' WHERE t.topic = 'pgtap.grouped';
END
$$;
SELECT throws_like(
    'SELECT khala.sequence(''pgtap.grouped'')', 'document ''public'' has no org_id, but topic pgtap.grouped is owned',
    'what was staged for everyone is not published in an owned topic'
);
DO $$ BEGIN UPDATE runtime.sync_topics AS t SET ownership = 'public' WHERE t.topic = 'pgtap.grouped'; END $$;
SELECT throws_ok('SELECT khala.sequence(''pgtap.grouped'')', 'KH006', NULL, 'nor what was staged for one in a public topic');
SELECT is(pg_temp.staged('pgtap.grouped'), 3::bigint, 'it stays staged');
DO $$ BEGIN UPDATE runtime.sync_topics AS t SET ownership = 'mixed' WHERE t.topic = 'pgtap.grouped'; END $$;
SELECT results_eq($$SELECT * FROM khala.sequence('pgtap.grouped')$$, $$VALUES (3, 'done')$$, 'until the topic allows it');

-- Refusals.
SELECT results_eq($$SELECT * FROM khala.sequence('pgtap.grouped_twin')$$, $$VALUES (0, 'direct')$$, 'a direct topic has nothing to sequence');
SELECT throws_ok($$SELECT khala.sequence('pgtap.nowhere')$$, 'KH001', NULL, 'an unknown topic');
SELECT throws_ok($$SELECT khala.sequence(NULL)$$, 'KH001', NULL, 'no topic');
SELECT throws_ok($$SELECT khala.sequence('pgtap.grouped', NULL)$$, 'KH007', NULL, 'no limit');
SELECT throws_ok($$SELECT khala.sequence('pgtap.grouped', 0)$$, 'KH007', NULL, 'a limit below 1');
SELECT throws_ok($$SELECT khala.sequence('pgtap.grouped', 10001)$$, 'KH007', NULL, 'or above 10,000');
SELECT ok(has_function_privilege(r.name, 'khala.sequence(text, integer, boolean)', 'EXECUTE'), r.name || ' may sequence')
FROM (VALUES ('khala_relay'), ('khala_runtime'), ('khala_dba')) AS r (name);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
