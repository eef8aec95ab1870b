BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(9);

SELECT is(khala_internal.is_within(v.beginnings, v.prefixes), v.expected, v.what)
FROM (
    VALUES
    ('{a/b}'::text[], '{a/}'::text[], TRUE, 'begins so'), ('{a/}', '{a/}', TRUE, 'is it'), ('{a/}', '{a/b}', FALSE, 'is wider'),
    ('{b}', '{a/}', FALSE, 'is elsewhere'), ('{a/b,b}', '{a/}', FALSE, 'each has to'), ('{a/b,b}', '{a/,b}', TRUE, 'in one of them'),
    ('{""}', '{a/}', FALSE, 'all keys are within no prefix'), ('{"",x}', '{""}', TRUE, 'but within all keys'), ('{a}', NULL, FALSE, 'nothing is allowed')
) AS v (beginnings, prefixes, expected, what);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
