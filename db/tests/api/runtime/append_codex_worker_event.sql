BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(19);

-- Appending: numbers, exactly once, owner, and the summary in the same transaction.
SELECT function_privs_are(
    'khala', 'append_codex_worker_event', ARRAY['text', 'text', 'jsonb', 'text', 'bigint', 'timestamp with time zone'],
    'khala_runtime', ARRAY['EXECUTE'], 'the runtime may append'
);
SELECT function_privs_are(
    'khala', 'append_codex_worker_event', ARRAY['text', 'text', 'jsonb', 'text', 'bigint', 'timestamp with time zone'],
    'khala_relay', '{}', 'the relay may not'
);

CREATE TEMP TABLE first_event AS
SELECT a.seq, a.outcome, a.watermark FROM khala.append_codex_worker_event('tap', 'worker.started', '{"title": "t"}', 'tap-org', 1, '2026-01-01T00:00:00Z') AS a;
SELECT results_eq(
    'SELECT seq, outcome FROM first_event', $$VALUES (1::bigint, 'appended')$$,
    'the first event creates the worker'
);
SELECT is(
    (SELECT watermark FROM first_event),
    (
        SELECT head_watermark FROM runtime.sync_topic_sequences
        WHERE topic = 'runtime.codex_worker_summaries'
    ),
    'its summary got the watermark that is told'
);
SELECT results_eq(
    $$SELECT seq, outcome, watermark
    FROM khala.append_codex_worker_event('tap', 'worker.started', '{"title": "t"}', 'tap-org', 1, '2026-01-01T00:00:00Z')$$,
    $$VALUES (1::bigint, 'duplicate', NULL::bigint)$$,
    'the same event again writes nothing'
);
SELECT results_eq(
    $$SELECT seq, outcome FROM khala.append_codex_worker_event('tap', 'worker.started', '{"title": "t"}', p_seq => 1)$$,
    $$VALUES (1::bigint, 'duplicate')$$,
    'owner and moment are compared only when they are given'
);
SELECT is(
    (
        SELECT latest_seq FROM runtime.codex_workers
        WHERE id = 'tap'
    ), 1::bigint, 'a duplicate takes no number'
);
SELECT results_eq(
    $$SELECT seq, outcome FROM khala.append_codex_worker_event('tap', 'anything at all')$$,
    $$VALUES (2::bigint, 'appended')$$,
    'without a number it gets the next one; unknown types are fine'
);
SELECT is(
    (
        SELECT payload FROM runtime.entity_events
        WHERE kind = 'codex_worker' AND id = 'tap' AND seq = 2
    ), '{}'::jsonb,
    'a payload may be left out'
);
SELECT is(
    (
        SELECT (doc_version, org_id)::text FROM runtime.sync_documents
        WHERE topic = 'runtime.codex_worker_summaries' AND doc_key = 'runtime/codex_worker_summary:tap'
    ),
    '(2,tap-org)', 'the summary is at the last sequence number and has the owner of the first event'
);

SELECT throws_ok(
    $$SELECT khala.append_codex_worker_event('tap', 'worker.started', '{"title": "other"}', p_seq => 1)$$, 'KH009', NULL, 'other payload'
);
SELECT throws_ok($$SELECT khala.append_codex_worker_event('tap', 'other', '{"title": "t"}', p_seq => 1)$$, 'KH009', NULL, 'other type');
SELECT throws_ok(
    $$SELECT khala.append_codex_worker_event('tap', 'worker.started', '{"title": "t"}', p_seq => 1, p_occurred_at => '2026-01-02T00:00:00Z')$$,
    'KH009', NULL, 'other moment'
);
SELECT throws_ok($$SELECT khala.append_codex_worker_event('tap', 'x', p_seq => 4)$$, 'KH009', NULL, 'a gap');
SELECT throws_ok($$SELECT khala.append_codex_worker_event('tap-new', 'x', p_seq => 2)$$, 'KH009', NULL, 'a gap at the start');
SELECT throws_ok($$SELECT khala.append_codex_worker_event('tap', 'x', '{}', 'tap-other')$$, 'KH009', NULL, 'another owner');
SELECT throws_ok($$SELECT khala.append_codex_worker_event('tap', 'x', '{"n": 1e400}')$$, 'KH005', NULL, 'a payload that is not I-JSON');
SELECT throws_ok(
    $$SELECT khala.append_codex_worker_event('tap', 'x', jsonb_build_object('a', repeat('a', 1048576)))$$, 'KH004', NULL, 'a large payload'
);
SELECT throws_ok($$SELECT khala.append_codex_worker_event('', 'x')$$, 'KH007', NULL, 'an empty id');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
