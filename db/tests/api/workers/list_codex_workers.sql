BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(16);

SELECT function_privs_are(
    'khala', 'list_codex_workers', ARRAY['text', 'text', 'text', 'integer'], 'khala_relay', ARRAY['EXECUTE'], 'relays may'
);
CREATE FUNCTION pg_temp.ids(p_page jsonb) RETURNS text LANGUAGE sql AS $$
SELECT coalesce(string_agg(w.value ->> 'worker_id', ' ' ORDER BY w.ordinality), '') || coalesce(' > ' || (p_page ->> 'next_cursor'), '')
FROM jsonb_array_elements(p_page -> 'workers') WITH ORDINALITY AS w $$;
UPDATE runtime.sync_topics SET ownership = 'mixed';
SELECT khala.append_codex_worker_event(v.id, 'worker.started', '{}', v.org_id)
FROM (VALUES ('b', 'tap-org'), ('a', 'tap-org'), ('c', 'tap-org'), ('d', 'tap-other'), ('e', NULL)) AS v (id, org_id);
SELECT khala.append_codex_worker_event('b', 'worker.failed');
SELECT is(pg_temp.ids(khala.list_codex_workers('tap-org')), 'a b c', 'those of the organisation');
SELECT is(pg_temp.ids(khala.list_codex_workers('tap-org', NULL, NULL, 2)), 'a b > b', 'a page');
SELECT is(pg_temp.ids(khala.list_codex_workers('tap-org', NULL, 'b', 2)), 'c', 'the next');
SELECT is(pg_temp.ids(khala.list_codex_workers('tap-org', 'failed')), 'b', 'by status');
SELECT is(pg_temp.ids(khala.list_codex_workers('tap-org', 'running', NULL, 1)), 'a > a', 'by status, a page');
SELECT is(khala.list_codex_workers('tap-none'), '{"workers": []}', 'none');
SELECT is(khala.list_codex_workers(NULL), '{"workers": []}', 'public workers belong to nobody');
SELECT is(
    khala.list_codex_workers('tap-org') -> 'workers' -> 0 @> '{"status": "running", "heartbeat_state": "missing", "heartbeat_age_ms": null, "projection_lag": 0}',
    TRUE, 'with the state of now'
);
-- More than a call looks at.
INSERT INTO runtime.sync_documents (topic, doc_key, doc_version, watermark, payload_bytes, org_id, payload_hash, payload)
SELECT 'runtime.codex_worker_summaries', 'runtime/codex_worker_summary:' || to_char(n, 'FM0000'), 1, 1, 2, 'tap-org', sha256(''), '{"status": "stopped"}'
FROM generate_series(1, 2500) AS n;
SELECT is(pg_temp.ids(khala.list_codex_workers('tap-org', 'failed')), ' > 2000', 'it looks at so many, and says where to go on');
SELECT is(pg_temp.ids(khala.list_codex_workers('tap-org', 'failed', '2000')), 'b', 'the rest');
SELECT is(pg_temp.ids(khala.list_codex_workers('tap-org', NULL, '2499', 2)), 'a b > b', 'a page without a status is full');
SELECT throws_ok('SELECT khala.list_codex_workers(' || v.arguments || ')', 'KH020', NULL, v.arguments)
FROM (VALUES ('''o'', ''busy'''), ('''o'', NULL, NULL, 0'), ('''o'', NULL, NULL, 1001'), ('''o'', NULL, NULL, NULL')) AS v (arguments);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
