BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(9);

DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.newest', p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.newest', 'x/1', 1, '{}', 'a');
    PERFORM khala.sink('pgtap.newest', 'x/2', 1, '{}');
    PERFORM khala.sink('pgtap.newest', 'y/1', 1, '{}', 'a');
    PERFORM khala.sink('pgtap.newest', 'y/2', 1, '{}', 'b');
    PERFORM khala.sink('pgtap.newest', 'x/1', 2, '{}', 'a');
    PERFORM khala.sink_delete('pgtap.newest', 'y/1', 2);
    PERFORM khala.sink('pgtap.newest', 'y/3', 1, '{}', 'a');
END
$$;
SELECT is(khala_internal.newest_keys('pgtap.newest', 7, v.org, v.most, khala_internal.make_subset(v.beginnings, v.are_keys)), v.keys, v.what)
FROM (
    VALUES
    ('a', 10, '{""}'::text[], FALSE, '{y/3,x/1,x/2}'::text[], 'the last changed first, without what is gone or another''s'),
    ('a', 2, '{""}', FALSE, '{y/3,x/1}', 'as many as asked for'), (NULL, 10, '{""}', FALSE, '{x/2}', 'public ones'),
    ('a', 10, '{x/}', FALSE, '{x/1,x/2}', 'with a prefix'), ('a', 10, '{x/,y/}', FALSE, '{y/3,x/1,x/2}', 'with one of two'),
    ('a', 10, '{x/2,y/3,y/2}', TRUE, '{y/3,x/2}', 'of some keys'), ('a', 10, '{z}', FALSE, '{}', 'none')
) AS v (org, most, beginnings, are_keys, keys, what);
DO $$ BEGIN PERFORM khala.retain('pgtap.newest', now() + '1 day', '0', 5); END $$;
SELECT is(khala_internal.newest_keys('pgtap.newest', 7, 'a', v.most, NULL), v.keys, v.what)
FROM (
    VALUES
    (1, '{y/3}'::text[], 'from what is left of the journal'), (3, '{y/3,x/1,x/2}', 'and where that has too few, from the documents')
) AS v (most, keys, what);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
