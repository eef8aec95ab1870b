BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(43);

DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.judge', p_ownership => 'public');
    PERFORM khala.sink('pgtap.judge', k, v, jsonb_build_object('latest_seq', v, 'projected_at', clock_timestamp()))
    FROM unnest(ARRAY['moving', 'doc', 'gone', 'back']) AS k CROSS JOIN generate_series(1, 3) AS v;
    PERFORM khala.sink_delete('pgtap.judge', 'gone', 4);
    PERFORM khala.append_run_event('pgtap-judge', 'run.started', '{}', 'pgtap'), khala.append_run_event('pgtap-judge', 'run.progress', '{}');
END
$$;
CREATE TEMP TABLE cycles (cycle bigint);
-- One verdict about what the legacy backend holds; a new cycle for each, whose first look is that of now.
CREATE FUNCTION pg_temp.start() RETURNS void LANGUAGE sql AS $$
INSERT INTO cycles SELECT s.cycle FROM khala.start_parity_cycle(ARRAY['pgtap.judge', 'runtime.run_summaries'], 1000) AS s LIMIT 1
$$;
CREATE FUNCTION pg_temp.judge(p_doc_key text, p_summary text, p_last boolean, p_topic text DEFAULT 'pgtap.judge')
RETURNS text
LANGUAGE sql
AS $$
SELECT concat_ws(' | ', j.reason, j.drift, j.detail)
FROM khala.judge_parity(
    (SELECT max(c.cycle) FROM cycles AS c),
    jsonb_build_array(jsonb_build_object('topic', p_topic, 'doc_key', p_doc_key, 'summary', p_summary::jsonb)), p_last
) AS j
$$;
CREATE FUNCTION pg_temp.fresh(p_doc_key text, p_summary text, p_topic text DEFAULT 'pgtap.judge')
RETURNS text
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM pg_temp.start();
    RETURN pg_temp.judge(p_doc_key, p_summary, TRUE, p_topic);
END
$$;
CREATE FUNCTION pg_temp.held(p_doc_key text, p_version bigint) RETURNS text LANGUAGE sql AS $$
SELECT e.payload FROM runtime.sync_stream_events AS e WHERE e.doc_key = p_doc_key AND e.doc_version = p_version
$$;

-- Nothing goes on meanwhile.
SELECT is(pg_temp.fresh('doc', pg_temp.held('doc', 3)), 'none | 0', 'the same');
SELECT is(pg_temp.fresh('doc', '{"latest_seq": 3.0}'), 'none | 0', 'without projected_at, and a number written otherwise');
SELECT is(pg_temp.fresh('doc', '{"latest_seq": 3, "x": 1}'), 'hash_mismatch | 0', 'other content');
SELECT is(pg_temp.fresh('doc', '{}'), 'hash_mismatch | 0', 'without a sequence number');
SELECT is(pg_temp.fresh('doc', NULL), 'legacy_missing | 0', 'not there');
SELECT is(pg_temp.fresh('doc', pg_temp.held('doc', 1)), 'lag_drift | 2 | the legacy document is what Khala held as version 1', 'behind, as it was once');
SELECT is(pg_temp.fresh('doc', '{"latest_seq": 1, "x": 1}'), 'hash_and_lag_drift | 2', 'behind, and never like that');
SELECT is(pg_temp.fresh('doc', '{"latest_seq": 5}'), 'hash_and_lag_drift | 2 | the legacy document is ahead of Khala', 'ahead');
SELECT is(pg_temp.fresh('doc', v.summary), 'hash_mismatch | 0 | the legacy document is no I-JSON object', 'not to be compared: ' || v.summary)
FROM (VALUES ('[1]'), ('7'), ('"x"'), ('{"n": 9007199254740993}')) AS v (summary);
SELECT is(pg_temp.fresh('gone', NULL), 'none | 0', 'deleted on both sides');
SELECT is(pg_temp.fresh('gone', pg_temp.held('gone', 3)), 'khala_missing | 0 | the document is deleted in Khala', 'deleted in Khala alone');
SELECT is(pg_temp.fresh('other', '{}'), NULL, 'what is not in the sample is left out');

-- Updates go on: what Khala held at the start, or has held since, is right.
DO $$ BEGIN PERFORM pg_temp.start(); END $$;
DO $$
BEGIN
    PERFORM khala.sink('pgtap.judge', 'moving', v, jsonb_build_object('latest_seq', v, 'projected_at', clock_timestamp()))
    FROM generate_series(4, 6) AS v;
    PERFORM khala.sink_delete('pgtap.judge', 'back', 4);
END
$$;
SELECT is(
    pg_temp.judge('moving', pg_temp.held('moving', 2), FALSE), 'lag_drift | 1 | the legacy document is what Khala held as version 2', 'before the start'
);
SELECT is(count(*), 1::bigint, 'the first look leaves it to the last') FROM runtime.parity_samples AS s
WHERE s.cycle = (SELECT max(c.cycle) FROM cycles AS c) AND s.doc_key = 'moving';
SELECT is(pg_temp.judge('moving', pg_temp.held('moving', 3), FALSE), 'none | 0', 'as it was at the start');
SELECT is(pg_temp.judge('moving', pg_temp.held('moving', 3), TRUE), NULL, 'that is settled');
SELECT is(pg_temp.judge('back', pg_temp.held('back', 3), FALSE), 'none | 0', 'deleted since the start');
DO $$ BEGIN PERFORM pg_temp.start(); END $$;
DO $$
BEGIN
    PERFORM khala.sink('pgtap.judge', 'moving', v, jsonb_build_object('latest_seq', v, 'projected_at', clock_timestamp()))
    FROM generate_series(7, 9) AS v;
    PERFORM khala.sink('pgtap.judge', 'back', 5, '{"latest_seq": 5}');
END
$$;
SELECT is(pg_temp.judge('moving', pg_temp.held('moving', 8), FALSE), 'none | 0', 'in between');
SELECT is(pg_temp.judge('back', NULL, FALSE), 'none | 0', 'still deleted, as at the start');
SELECT is(pg_temp.fresh('moving', pg_temp.held('moving', 9)), 'none | 0', 'as it is now');
DO $$ BEGIN PERFORM pg_temp.start(); END $$;
DO $$ BEGIN PERFORM khala.sink('pgtap.judge', 'new', 1, '{"latest_seq": 1}'); END $$;
SELECT is(pg_temp.judge('new', '{"latest_seq": 1}', TRUE), NULL, 'a document that is newer than the sample');
DO $$ BEGIN PERFORM khala.sink('pgtap.judge', 'moving', 9, '{"latest_seq": 9, "rewritten": true}'); END $$;
SELECT is(pg_temp.judge('moving', pg_temp.held('moving', 9), TRUE), 'none | 0', 'rewritten since the start');
SELECT is(
    pg_temp.fresh('moving', (SELECT e.payload FROM runtime.sync_stream_events AS e WHERE e.doc_key = 'moving' AND e.doc_version = 9 ORDER BY e.watermark LIMIT 1)),
    'hash_mismatch | 0 | the legacy document is what Khala held as version 9', 'rewritten before it'
);

-- Khala's own side.
SELECT is(
    pg_temp.fresh('runtime/run_summary:pgtap-judge', pg_temp.held('runtime/run_summary:pgtap-judge', 2), 'runtime.run_summaries'), 'none | 0', 'a run'
);
DO $$ BEGIN UPDATE runtime.entities SET latest_seq = 6 WHERE id = 'pgtap-judge'; END $$;
SELECT is(
    pg_temp.fresh('runtime/run_summary:pgtap-judge', pg_temp.held('runtime/run_summary:pgtap-judge', 2), 'runtime.run_summaries'),
    'lag_drift | 4 | the document in Khala is behind its history', 'both sides are behind the history'
);
SELECT is(
    pg_temp.fresh('runtime/run_summary:pgtap-judge', '{"latest_seq": 2}', 'runtime.run_summaries'),
    'hash_and_lag_drift | 4 | the document in Khala is behind its history', 'and differ'
);
DO $$
BEGIN
    UPDATE runtime.entities SET latest_seq = 2 WHERE id = 'pgtap-judge';
    UPDATE runtime.sync_documents SET payload = payload || '{"status": "succeeded"}' WHERE doc_key = 'runtime/run_summary:pgtap-judge';
END
$$;
SELECT is(
    pg_temp.fresh('runtime/run_summary:pgtap-judge', pg_temp.held('runtime/run_summary:pgtap-judge', 2), 'runtime.run_summaries'),
    'hash_mismatch | 0 | the document in Khala differs from its own hash', 'the payload was changed in Khala'
);
DO $$ BEGIN UPDATE runtime.sync_documents SET payload_hash = khala.payload_hash(payload) WHERE doc_key = 'runtime/run_summary:pgtap-judge'; END $$;
SELECT is(
    pg_temp.fresh('runtime/run_summary:pgtap-judge', d.payload::text, 'runtime.run_summaries'),
    'hash_mismatch | 0 | the document in Khala differs from the checkpoint of its projection', 'with its hash, and on both sides'
)
FROM runtime.sync_documents AS d WHERE d.doc_key = 'runtime/run_summary:pgtap-judge';
DELETE FROM runtime.sync_documents AS d WHERE d.doc_key = 'runtime/run_summary:pgtap-judge';
SELECT is(pg_temp.fresh('runtime/run_summary:pgtap-judge', v.summary, 'runtime.run_summaries'), 'khala_missing | 0 | the projection has a checkpoint and Khala no document', 'lost in Khala')
FROM (VALUES (NULL), ('{"latest_seq": 2}')) AS v (summary);

-- What is recorded.
DO $$ BEGIN PERFORM pg_temp.start(); END $$;
CREATE TEMP TABLE judged AS
SELECT j.* FROM khala.judge_parity(
    (SELECT max(c.cycle) FROM cycles AS c),
    '[{"topic": "pgtap.judge", "doc_key": "doc", "summary": {"latest_seq": 1}}, {"topic": "pgtap.judge", "doc_key": "gone", "summary": null},
      {"topic": "pgtap.judge", "doc_key": "doc", "summary": {"latest_seq": 1}}, {"topic": "pgtap.judge", "doc_key": "back", "summary": null}]', TRUE
) AS j;
SELECT results_eq(
    'SELECT j.doc_key, j.reason, j.drift, j.khala_version, j.legacy_seq, j.khala_hash, j.legacy_hash FROM judged AS j ORDER BY j.doc_key',
    $$VALUES ('back', 'legacy_missing', 0::numeric, 5::bigint, NULL::numeric, khala.payload_hash_text('{"latest_seq": 5}'), NULL),
        ('doc', 'hash_and_lag_drift', 2, 3, 1, khala.payload_hash_text('{"latest_seq": 3}'), khala.payload_hash_text('{"latest_seq": 1}')),
        ('gone', 'none', 0, 4, NULL, NULL, NULL)$$, 'versions and hashes of both sides'
);
SELECT results_eq(
    'SELECT n.reason, n.drift, n.documents FROM runtime.parity_counts AS n WHERE n.cycle = (SELECT max(c.cycle) FROM cycles AS c) ORDER BY n.reason',
    $$VALUES ('hash_and_lag_drift', 2::numeric, 1::bigint), ('legacy_missing', 0, 1), ('none', 0, 1)$$, 'verdicts are counted'
);
SELECT results_eq(
    'SELECT m.doc_key COLLATE "default", m.reason, m.khala_version FROM runtime.parity_mismatches AS m WHERE m.cycle = (SELECT max(c.cycle) FROM cycles AS c) ORDER BY m.doc_key',
    $$VALUES ('back', 'legacy_missing', 5::bigint), ('doc', 'hash_and_lag_drift', 3)$$, 'mismatches are kept'
);

SELECT throws_ok(format('SELECT khala.judge_parity(%s)', v.arguments), v.code, NULL, 'not usable: ' || v.arguments)
FROM (
    VALUES
    ('0, ''[]'', TRUE', 'KH009'), ('NULL, ''[]'', TRUE', 'KH009'), ('1, ''{}'', TRUE', 'KH007'), ('1, NULL, TRUE', 'KH007'), ('1, ''[]'', NULL', 'KH007'),
    ('1, ''[1]'', TRUE', 'KH007'), ('1, ''[{"topic": "a", "doc_key": "b"}]'', TRUE', 'KH007')
) AS v (arguments, code);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
