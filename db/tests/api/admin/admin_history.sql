BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(15);

UPDATE runtime.sync_topics SET ownership = 'mixed';
CREATE FUNCTION pg_temp.versions(p_page json) RETURNS text LANGUAGE sql AS $$
SELECT coalesce(string_agg(v.value ->> 'doc_version', ' ' ORDER BY v.ordinality), '') || coalesce(' > ' || (p_page ->> 'next'), '')
FROM json_array_elements(p_page -> 'versions') WITH ORDINALITY AS v $$;
CREATE FUNCTION pg_temp.all(p_before bigint DEFAULT NULL, p_limit integer DEFAULT 50) RETURNS text LANGUAGE sql AS $$
SELECT pg_temp.versions(khala.admin_history('a', '{khala.admin,khala.admin.all}', 'runtime.notifications', 'k', p_before, p_limit)) $$;
SELECT is(pg_temp.all(), '', 'no such document');
SELECT khala.sink('runtime.notifications', 'k', 1, '{"n": 1}', 'a');
SELECT khala.sink('runtime.notifications', 'other', 1, '{"n": 1}', 'a');
SELECT khala.sink('runtime.notifications', 'k', 2, '{"n": 2}', 'b');
SELECT khala.sink_delete('runtime.notifications', 'k', 3);
SELECT khala.sink('runtime.notifications', 'k', 4, '{"n": 4}');
SELECT is(pg_temp.all(), '4 3 2 1', 'newest first');
SELECT is(pg_temp.all(p_limit => 2), '4 3 > 4', 'a page');
SELECT is(pg_temp.all(4), '2 1', 'the next');
SELECT is(
    (khala.admin_history('a', '{khala.admin,khala.admin.all}', 'runtime.notifications', 'k') -> 'versions' -> 2)::jsonb - 'inserted_at',
    '{"watermark": 3, "doc_version": 2, "org_id": "b", "deleted": false, "payload": {"n": 2}, "payload_bytes": 7}', 'a version'
);
SELECT is(pg_temp.versions(khala.admin_history('a', '{khala.admin}', 'runtime.notifications', 'k')), '4 1', 'what was never this organisation''s stays hidden');
SELECT count(*) FROM khala.sink_batch('runtime.notifications', (
    SELECT jsonb_agg(jsonb_build_object('doc_key', 'x' || n, 'doc_version', 1, 'payload', '{}'::jsonb, 'org_id', 'b'))
    FROM generate_series(1, 20000) AS n
));
SELECT is(pg_temp.all(), '4 3 2 1', 'however much was written since');
SELECT is(
    khala.admin_history('a', '{khala.admin}', 'runtime.notifications', 'x1')::text,
    khala.admin_history('a', '{khala.admin}', 'runtime.notifications', 'unknown')::text, 'a document of another organisation is as unknown as one that is not there'
);
SELECT khala.sink('runtime.notifications', 'k', 5, '{"n": 5}', 'a');
SELECT is(pg_temp.all(), '5 > 7', 'a call looks at so many rows');
SELECT is(pg_temp.all(7), '4 3 2 1', 'and the next at those before');
SELECT khala.retain('runtime.notifications', now() + interval '30 days', NULL, 1000000);
SELECT is(
    (SELECT concat_ws(' ', pg_temp.versions(h.found), h.found ->> 'retention_floor', h.found -> 'versions' -> 0 ->> 'payload')
    FROM khala.admin_history('a', '{khala.admin}', 'runtime.notifications', 'k') AS h (found)),
    '5 20007 {"n": 5}', 'a purge leaves the version of now'
);
SELECT throws_ok('SELECT khala.admin_history(' || v.arguments || ')', v.sqlstate, NULL, v.arguments)
FROM (
    VALUES ('''a'', ''{}'', ''runtime.notifications'', ''k''', 'KH025'), ('''a'', ''{khala.admin}'', ''no.such'', ''k''', 'KH001'),
    ('''a'', ''{khala.admin}'', ''runtime.notifications'', ''k'', p_limit => 201', 'KH007'),
    ('''a'', ''{khala.admin}'', ''runtime.notifications'', ''k'', p_limit => NULL', 'KH007')
) AS v (arguments, sqlstate);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
