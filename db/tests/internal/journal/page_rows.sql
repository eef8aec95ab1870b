BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(13);

DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.rows', p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.rows', 'public', 1, '{"n":1}');
    PERFORM khala.sink('pgtap.rows', 'of a', 1, '{"n":2}', 'a');
    PERFORM khala.sink('pgtap.rows', 'of b', 1, '{"n":3}', 'b');
    PERFORM khala.sink('pgtap.rows', 'of a', 2, '{"n":4}', 'b');
END
$$;
CREATE FUNCTION pg_temp.outline(p_after bigint, p_until bigint, p_org_id text, p_compact boolean DEFAULT FALSE, p_marks jsonb DEFAULT NULL)
RETURNS text LANGUAGE sql AS $$
SELECT string_agg(
    r.doc_key || '@' || r.watermark || CASE WHEN r.deleted THEN ' gone' ELSE '' END, ', ' ORDER BY r.watermark
)
FROM khala_internal.page_rows('pgtap.rows', p_after, p_until, p_org_id, p_compact, '{0,3}', p_marks) AS r
$$;

SELECT is(pg_temp.outline(0, 4, 'a'), 'public@1, of a@2, of a@4 gone', 'what is public or owned, and what left');
SELECT is(pg_temp.outline(0, 4, 'b'), 'public@1, of b@3, of a@4', 'the new owner gets the document');
SELECT is(pg_temp.outline(0, 4, NULL), 'public@1', 'nobody sees what is public');
SELECT is(pg_temp.outline(1, 3, 'b'), 'of b@3', 'only the range asked for');
SELECT results_eq(
    $$SELECT r.bytes FROM khala_internal.page_rows('pgtap.rows', 0, 4, 'a', FALSE, NULL, NULL) AS r ORDER BY r.watermark$$,
    $$VALUES (256 + 6 + 7), (256 + 4 + 7), (256 + 4)$$, 'a tombstone does not count for the payload it leaves out'
);
SELECT is(pg_temp.outline(0, v.until, v.org, TRUE), v.outline, v.what)
FROM (
    VALUES
    (4, 'a', 'public@1, of a@4 gone', 'compacted: the version that left is not there, its tombstone is'),
    (4, 'b', 'public@1, of b@3, of a@4', 'nothing that b sees has been replaced'),
    (3, 'a', 'public@1', 'what replaced it may lie beyond the range')
) AS v (until, org, outline, what);
SELECT is(pg_temp.outline(0, 4, 'a', v.compact, v.marks), v.outline, v.what)
FROM (
    VALUES
    (FALSE, '{"=public": null}'::jsonb, 'public@1', 'of a subset: the key it names'),
    (FALSE, '{"^of ": null}', 'of a@2, of a@4 gone', 'those that begin so, a tombstone for a former owner among them'),
    (TRUE, '{"^of ": null}', 'of a@4 gone', 'compacted as well'),
    (FALSE, '{"=of": null, "=of b": null}', NULL, 'another''s key, and one that is only a beginning'),
    (FALSE, '{}', NULL, 'nothing')
) AS v (compact, marks, outline, what);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
