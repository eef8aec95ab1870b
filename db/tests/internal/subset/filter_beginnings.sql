BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(3);

SELECT is(khala_internal.filter_beginnings(v.filter), v.beginnings, v.what)
FROM (
    VALUES
    ('{"keys": ["b", "a"]}'::jsonb, '{b,a}'::text[], 'keys'), ('{"prefix": "x/"}', '{x/}', 'a prefix'), (NULL, NULL, 'no filter')
) AS v (filter, beginnings, what);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
