BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(5);

DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.rows');
    PERFORM khala.sink('pgtap.rows', 'public', 1, '{"n":1}');
    PERFORM khala.sink('pgtap.rows', 'of a', 1, '{"n":2}', 'a');
    PERFORM khala.sink('pgtap.rows', 'of b', 1, '{"n":3}', 'b');
    PERFORM khala.sink('pgtap.rows', 'of a', 2, '{"n":4}', 'b');
END
$$;
CREATE FUNCTION pg_temp.outline(p_org_id text, p_max_updates integer, p_max_bytes integer)
RETURNS text LANGUAGE sql AS $$
SELECT string_agg(
    u.doc_key || '@' || u.watermark || CASE WHEN u.deleted THEN ' gone' ELSE '' END
    || CASE WHEN u.fits THEN '' ELSE ' left' END, ', ' ORDER BY u.watermark
)
FROM khala.page_updates('pgtap.rows', 0, 4, p_org_id, p_max_updates, p_max_bytes) AS u
$$;

SELECT is(pg_temp.outline('a', 9, 100000), 'public@1, of a@2, of a@4 gone', 'what is public or owned, and what left');
SELECT is(pg_temp.outline('b', 9, 100000), 'public@1, of b@3, of a@4', 'the new owner gets the document');
SELECT is(pg_temp.outline(NULL, 9, 100000), 'public@1', 'nobody sees what is public');
SELECT is(pg_temp.outline('b', 1, 100000), 'public@1, of b@3 left', 'one row more than fits comes along');
SELECT is(pg_temp.outline('b', 9, 1), 'public@1, of b@3 left, of a@4 left', 'bytes limit too, though never the first');
SELECT t.line FROM finish() AS t (line);
ROLLBACK;
