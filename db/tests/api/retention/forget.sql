BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(26);

DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.forget', p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.forget', 'other', 1, '{"secret": 0}');
    PERFORM khala.sink('pgtap.forget', 'gone', 1, '{"secret": 1}', 'org-a');
    PERFORM khala.sink('pgtap.forget', 'gone', 5, '{"secret": 2}', 'org-b');
    PERFORM khala.sink('pgtap.forget', 'other', 2, '{"secret": 0}');
END
$$;
CREATE FUNCTION pg_temp.journal(p_key text)
RETURNS text LANGUAGE sql AS $$
SELECT string_agg(concat_ws(' ', j.watermark, j.doc_version, j.deleted, j.payload), ', ' ORDER BY j.watermark)
FROM runtime.sync_stream_events AS j WHERE j.topic = 'pgtap.forget' AND j.doc_key = p_key
$$;

SELECT results_eq(
    $$SELECT watermark, journal_rows, staged_writes FROM khala.forget('pgtap.forget', 'gone')$$,
    'VALUES (5::bigint, 2::bigint, 0::bigint)', 'it says what it did'
);
SELECT is(pg_temp.journal('gone'), '2 1 t, 3 5 t, 5 6 t', 'each version is a tombstone at its place, and the deletion follows');
SELECT is(pg_temp.journal('other'), '1 1 f {"secret":0}, 4 2 f {"secret":0}', 'other documents are left alone');
SELECT is_empty(
    $$SELECT FROM runtime.sync_stream_events AS j WHERE j.topic = 'pgtap.forget' AND j.doc_key = 'gone'
      AND (j.payload IS NOT NULL OR j.payload_hash IS NOT NULL OR j.payload_bytes <> 0 OR j.traceparent IS NOT NULL)$$,
    'nothing of the content is in the journal'
);
SELECT results_eq(
    $$SELECT d.deleted, d.payload, d.payload_hash, d.doc_version FROM runtime.sync_documents AS d
      WHERE d.topic = 'pgtap.forget' AND d.doc_key = 'gone'$$,
    'VALUES (TRUE, NULL::jsonb, NULL::bytea, 6::bigint)', 'nor in the read model'
);
SELECT is(
    (SELECT array_agg(j.watermark ORDER BY j.watermark) FROM runtime.sync_stream_events AS j WHERE j.topic = 'pgtap.forget'),
    ARRAY[1, 2, 3, 4, 5]::bigint[], 'watermarks are contiguous'
);
SELECT unalike(khala.replay('pgtap.forget', 0, v.org)::text, '%secret": 1%', 'no replay has it: ' || v.org)
FROM (VALUES ('org-a'), ('org-b')) AS v (org);
SELECT alike(khala.replay('pgtap.forget', 4, 'org-b')::text, '%gone%', 'its last owner receives the deletion');

-- Again, and what was never there.
SELECT results_eq(
    format('SELECT watermark, journal_rows, staged_writes FROM khala.forget(''pgtap.forget'', %L)', v.key),
    'VALUES (NULL::bigint, 0::bigint, 0::bigint)', 'nothing is left to do: ' || v.key
)
FROM (VALUES ('gone'), ('never')) AS v (key);
SELECT is(
    (SELECT s.head_watermark FROM runtime.sync_topic_sequences AS s WHERE s.topic = 'pgtap.forget'), 5::bigint,
    'and nothing is written'
);
SELECT is((SELECT outcome FROM khala.sink('pgtap.forget', 'gone', 3, '{"secret": 3}')), 'stale_version', 'an old version does not bring it back');
SELECT is((SELECT outcome FROM khala.sink('pgtap.forget', 'gone', NULL, '{"new": 3}')), 'applied', 'a new one may');

-- Staged writes.
SELECT khala.set_topic_writes('pgtap.forget', 'grouped') IS NOT NULL AS grouped;
DO $$
BEGIN
    PERFORM khala.sink('pgtap.forget', 'gone', NULL, '{"secret": 4}');
    PERFORM khala.sink('pgtap.forget', 'staged', NULL, '{"secret": 5}');
    PERFORM khala.sink('pgtap.forget', 'other', NULL, '{"kept": 1}');
END
$$;
SELECT results_eq(
    $$SELECT watermark, journal_rows, staged_writes FROM khala.forget('pgtap.forget', 'gone')$$,
    'VALUES (7::bigint, 1::bigint, 1::bigint)', 'what is staged goes, and what is stored'
);
SELECT results_eq(
    $$SELECT watermark, journal_rows, staged_writes FROM khala.forget('pgtap.forget', 'staged')$$,
    'VALUES (NULL::bigint, 0::bigint, 1::bigint)', 'what is staged only'
);
SELECT results_eq(
    $$SELECT sequenced, state FROM khala.sequence('pgtap.forget')$$, $$VALUES (1, 'done')$$, 'the others are sequenced'
);
SELECT is((SELECT d.payload::text FROM runtime.sync_documents AS d WHERE d.topic = 'pgtap.forget' AND d.doc_key = 'other'), '{"kept": 1}', 'as they were');

-- What systems outside said of it, which may quote it.
DO $$ BEGIN
    PERFORM khala.set_publisher('pgtap-hook', 'webhook', 'http://127.0.0.1:1');
    PERFORM khala.set_publisher_topic('pgtap-hook', 'pgtap.forget', 'forget');
    PERFORM khala.set_publisher('pgtap-other', 'webhook', 'http://127.0.0.1:1');
    UPDATE runtime.publishers AS p SET last_error = 'no secret 6' WHERE p.publisher LIKE 'pgtap-%';
    INSERT INTO runtime.publisher_updates (publisher, topic, watermark, doc_version, due_at, written_at, state, doc_key, error)
    SELECT 'pgtap-hook', 'pgtap.forget', 1, 1, now(), now(), 'ready', k.doc_key, 'no secret 6'
    FROM unnest('{gone,other}'::text[]) AS k (doc_key);
    PERFORM khala.forget('pgtap.forget', 'gone');
END $$;
SELECT is(
    (SELECT array_agg(u.doc_key::text) FROM runtime.publisher_updates AS u WHERE u.error LIKE '%secret%'),
    '{other}', 'the reason of an update that failed is removed'
);
SELECT is(
    (SELECT array_agg(p.publisher) FROM runtime.publishers AS p WHERE p.last_error LIKE '%secret%'),
    '{pgtap-other}', 'and the last error of publishers of the topic'
);

-- Refusals.
SELECT throws_ok(format('SELECT khala.forget(%s)', v.arguments), v.state, NULL, v.arguments)
FROM (
    VALUES
    ('''pgtap.nowhere'', ''k''', 'KH001'), ('NULL, ''k''', 'KH001'), ('''pgtap.forget'', NULL', 'KH007'),
    ('''runtime.run_summaries'', ''k''', 'KH008')
) AS v (arguments, state);
SELECT function_privs_are('khala', 'forget', ARRAY['text', 'text'], 'khala_dba', ARRAY['EXECUTE'], 'for khala_dba');
SELECT function_privs_are('khala', 'forget', ARRAY['text', 'text'], 'khala_runtime', ARRAY[]::text[], 'not for writers');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
