BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(6);

SELECT function_privs_are('khala', 'admin_topics', ARRAY['text', 'text[]'], 'khala_relay', ARRAY['EXECUTE'], 'relays may');
UPDATE runtime.sync_topics SET ownership = 'mixed';
SELECT khala.sink('runtime.notifications', v.doc_key, 1, '{}', v.org_id) FROM (VALUES ('a', 'a'), ('b', 'b'), ('p', NULL), ('d', 'a')) AS v (doc_key, org_id);
SELECT khala.sink_delete('runtime.notifications', 'd', 2);
SELECT khala.report_relay(v.relay, '1', 5, 3, '{"runtime.notifications": 2}', 0, 0, '{}', v.stops) FROM (VALUES ('one', FALSE), ('two', FALSE), ('old', TRUE)) AS v (relay, stops);
CREATE FUNCTION pg_temp.notifications(p_scopes text[]) RETURNS jsonb LANGUAGE sql AS $$
SELECT t.value FROM jsonb_array_elements(khala.admin_topics('a', p_scopes)::jsonb -> 'topics') AS t WHERE t.value ->> 'topic' = 'runtime.notifications' $$;
SELECT is(
    pg_temp.notifications('{khala.admin,khala.admin.all}') - '{oldest_age_s,journal_bytes}'::text[],
    '{"topic": "runtime.notifications", "ownership": "mixed", "payload_mode": "auto", "writes": "direct", "head_watermark": 5, "retention_floor": 1, "documents": 3, "documents_at_least": false, "journal_rows": 5, "writes_per_minute": 5.0, "horizon_s": 604800.000, "subscribers": 4}',
    'everything'
);
SELECT is(
    pg_temp.notifications('{khala.admin}') @> '{"documents": 2, "journal_bytes": null, "writes_per_minute": null, "subscribers": null}',
    TRUE, 'of the organisation, and public ones'
);
SELECT is(json_array_length(khala.admin_topics('a', '{khala.admin}') -> 'topics'), (SELECT count(*)::integer FROM runtime.sync_topics), 'all topics');
SELECT count(*) FROM khala.sink_batch('runtime.notifications', (
    SELECT jsonb_agg(jsonb_build_object('doc_key', 'm' || n, 'doc_version', 1, 'payload', '{}'::jsonb, 'org_id', 'a'))
    FROM generate_series(1, 30000) AS n
));
SELECT is(pg_temp.notifications('{khala.admin}') @> '{"documents": 28571, "documents_at_least": true}', TRUE, 'counted up to a bound');
SELECT throws_ok('SELECT khala.admin_topics(''a'', ''{}'')', 'KH025', NULL, 'without the scope');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
