BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(17);

DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.switched', p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.switched', 'k', 1, '{}', 'a');
END
$$;

SELECT is(khala.set_topic_writes('pgtap.switched', 'direct'), 0::bigint, 'it is direct already');
SELECT is(khala.set_topic_writes('pgtap.switched', 'grouped'), 0::bigint, 'a direct topic becomes grouped');
SELECT is((SELECT t.writes FROM runtime.sync_topics AS t WHERE t.topic = 'pgtap.switched'), 'grouped', 'and says so');
SELECT is(khala.set_topic_writes('pgtap.switched', 'grouped'), 0::bigint, 'once');
SELECT has_sequence('runtime', 'sync_staged_pgtap_switched', 'its writes have an order of their own');
SELECT sequence_owner_is('runtime', 'sync_staged_pgtap_switched', 'khala_owner', 'that belongs to khala_owner');
SELECT is((SELECT s.outcome FROM khala.sink('pgtap.switched', 'k', 2, '{}', 'a') AS s), 'staged', 'writes are staged');
DO $$ BEGIN PERFORM khala.sink('pgtap.switched', 'l', n, '{}', 'a') FROM generate_series(1, 3) AS n; END $$;
SELECT is(khala.set_topic_writes('pgtap.switched', 'direct'), 4::bigint, 'what is staged is sequenced before it is direct again');
SELECT results_eq(
    $$SELECT j.watermark, j.doc_key COLLATE "default", j.doc_version FROM runtime.sync_stream_events AS j
      WHERE j.topic = 'pgtap.switched' ORDER BY 1$$,
    $$VALUES (1::bigint, 'k', 1::bigint), (2, 'k', 2), (3, 'l', 1), (4, 'l', 2), (5, 'l', 3)$$, 'in order'
);
SELECT results_eq(
    $$SELECT s.watermark, s.outcome FROM khala.sink('pgtap.switched', 'k', 3, '{}', 'a') AS s$$,
    $$VALUES (6::bigint, 'applied')$$, 'and a writer is told its watermark'
);
SELECT is_empty($$SELECT FROM runtime.sync_topic_staging AS s WHERE s.topic = 'pgtap.switched'$$, 'nothing of staging is left');
DO $$
BEGIN
    PERFORM khala.set_topic_writes('pgtap.switched', 'grouped');
    PERFORM khala.sink('pgtap.switched', 'k', 4, '{}', 'a');
END
$$;
SELECT results_eq(
    $$SELECT s.settled, w.position FROM runtime.sync_topic_staging AS s
      INNER JOIN runtime.sync_staged_writes AS w ON s.topic = w.topic WHERE s.topic = 'pgtap.switched'$$,
    $$VALUES (4::bigint, 5::bigint)$$, 'grouped again, positions go on'
);

SELECT throws_ok($$SELECT khala.set_topic_writes('pgtap.nowhere', 'grouped')$$, 'KH001', NULL, 'an unknown topic');
SELECT throws_ok($$SELECT khala.set_topic_writes('pgtap.switched', 'both')$$, 'KH007', NULL, 'unknown writes');
SELECT throws_ok($$SELECT khala.set_topic_writes('pgtap.switched', NULL)$$, 'KH007', NULL, 'none');
SELECT ok(has_function_privilege('khala_dba', 'khala.set_topic_writes(text, text)', 'EXECUTE'), 'khala_dba may switch');
SELECT ok(NOT has_function_privilege('khala_runtime', 'khala.set_topic_writes(text, text)', 'EXECUTE'), 'khala_runtime may not');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
