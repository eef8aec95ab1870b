BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(20);

UPDATE runtime.sync_topics SET ownership = 'mixed';
CREATE FUNCTION pg_temp.keys(p_page json) RETURNS text LANGUAGE sql AS $$
SELECT coalesce(string_agg(d.value ->> 'doc_key', ' ' ORDER BY d.ordinality), '') || coalesce(' > ' || (p_page ->> 'next'), '')
FROM json_array_elements(p_page -> 'documents') WITH ORDINALITY AS d $$;
CREATE FUNCTION pg_temp.all(p_owner text DEFAULT NULL, p_prefix text DEFAULT NULL, p_after text DEFAULT NULL, p_limit integer DEFAULT 200) RETURNS text LANGUAGE sql AS $$
SELECT pg_temp.keys(khala.admin_documents('a', '{khala.admin,khala.admin.all}', 'runtime.notifications', p_owner, p_prefix, p_after, p_limit)) $$;
SELECT is(pg_temp.all(), '', 'none');
SELECT khala.sink('runtime.notifications', v.doc_key, 1, '{"n": 1}', v.org_id)
FROM (VALUES ('b/2', 'b'), ('a/1', 'a'), ('a/2', 'b'), ('p', NULL), ('d', 'a')) AS v (doc_key, org_id);
SELECT khala.sink_delete('runtime.notifications', 'd', 2);
SELECT is(pg_temp.all(), 'a/1 a/2 b/2 d p', 'all, in order, tombstones too');
SELECT is(pg_temp.all(p_limit => 2), 'a/1 a/2 > a/2', 'a page');
SELECT is(pg_temp.all(p_after => 'a/2', p_limit => 3), 'b/2 d p', 'the last page');
SELECT is(pg_temp.all('b'), 'a/2 b/2', 'of an organisation');
SELECT is(pg_temp.all(''), 'p', 'public ones');
SELECT is(pg_temp.all(p_prefix => 'a/'), 'a/1 a/2', 'by prefix');
SELECT is(pg_temp.all('b', 'a/', 'a/1'), 'a/2', 'all of these');
SELECT is(
    (khala.admin_documents('a', '{khala.admin,khala.admin.all}', 'runtime.notifications') -> 'documents' -> 3)::jsonb - 'updated_at',
    '{"doc_key": "d", "doc_version": 2, "org_id": "a", "deleted": true, "watermark": 6, "payload": null}', 'a tombstone'
);
SELECT is(pg_temp.keys(khala.admin_documents('a', '{khala.admin}', 'runtime.notifications')), 'a/1 d p', 'without khala.admin.all');
SELECT count(*) FROM khala.sink_batch('runtime.notifications', (
    SELECT jsonb_agg(jsonb_build_object('doc_key', 'x' || lpad(n::text, 5, '0'), 'doc_version', 1, 'payload', '{}'::jsonb, 'org_id', 'b'))
    FROM generate_series(1, 10000) AS n
));
SELECT khala.sink('runtime.notifications', 'y', 1, '{}', 'a');
SELECT is(pg_temp.all('a'), 'a/1 d y', 'however many others have');
SELECT is(
    pg_temp.keys(khala.admin_documents('a', '{khala.admin}', 'runtime.notifications', NULL, 'x')), '', 'no key of others is the next'
);
SELECT is(pg_temp.keys(khala.admin_documents('a', '{khala.admin}', 'runtime.notifications', p_limit => 3)), 'a/1 d p > p', 'own and public ones by page');
SELECT is(
    (SELECT concat_ws(' ', json_array_length(d.found -> 'documents'), d.found -> 'documents' -> 0 ->> 'payload', d.found ->> 'next')
    FROM khala.admin_documents('b', '{khala.admin}', 'runtime.notifications', p_limit => 10000, p_payloads => FALSE) AS d (found)),
    '10000 x09997', 'more of them without payloads'
);
SELECT throws_ok('SELECT khala.admin_documents(' || v.arguments || ')', v.sqlstate, NULL, v.arguments)
FROM (
    VALUES ('''a'', ''{}'', ''runtime.notifications''', 'KH025'), ('''a'', ''{khala.admin}'', ''runtime.notifications'', ''b''', 'KH025'),
    ('''a'', ''{khala.admin}'', ''no.such''', 'KH001'), ('''a'', ''{khala.admin}'', ''runtime.notifications'', p_limit => 1001', 'KH007'),
    ('''a'', ''{khala.admin}'', ''runtime.notifications'', p_limit => 10001, p_payloads => FALSE', 'KH007'),
    ('''a'', ''{khala.admin}'', ''runtime.notifications'', p_limit => NULL', 'KH007')
) AS v (arguments, sqlstate);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
