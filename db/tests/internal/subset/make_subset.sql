BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(9);

SELECT is(khala_internal.make_subset(v.beginnings, v.are_keys), v.subset, v.what)
FROM (
    VALUES
    ('{a,bc}'::text[], TRUE, '{"lengths": [0], "marks": {"=a": null, "=bc": null}}'::jsonb, 'keys'),
    ('{a,a}', TRUE, '{"lengths": [0], "marks": {"=a": null}}', 'a key that is named twice'),
    ('{x/,y/z/}', FALSE, '{"lengths": [2, 4], "marks": {"^x/": null, "^y/z/": null}}', 'prefixes'),
    ('{x/y/,x/,x/z}', FALSE, '{"lengths": [2], "marks": {"^x/": null}}', 'a prefix within another adds nothing'),
    ('{x/,x/}', FALSE, '{"lengths": [2], "marks": {"^x/": null}}', 'nor does the same'),
    ('{x/,""}', FALSE, NULL, 'an empty prefix is all keys'),
    ('{}', TRUE, '{"lengths": [], "marks": {}}', 'no key is nothing'),
    ('{äö}', FALSE, '{"lengths": [2], "marks": {"^äö": null}}', 'lengths count characters')
) AS v (beginnings, are_keys, subset, what);
SELECT is(
    khala_internal.make_subset('{b,a}', FALSE)::text, khala_internal.make_subset('{a,b,a}', FALSE)::text, 'equal subsets are equal JSON'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
