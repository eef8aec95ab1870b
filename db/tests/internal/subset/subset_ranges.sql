BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(9);

SELECT is(
    (
        SELECT count(*) FROM khala_internal.subset_ranges(khala_internal.make_subset(v.beginnings, v.are_keys)) AS g
        WHERE v.key BETWEEN g.first_key AND g.last_key COLLATE "C" -- noqa: RF02,RF03
    ), v.ranges, v.what
)
FROM (
    VALUES
    ('{a/}'::text[], FALSE, 'a/' || repeat(chr(1114111), 510), 1::bigint, 'the last key that begins so'),
    ('{a/}', FALSE, 'a/', 1, 'the first'), ('{a/}', FALSE, 'a0', 0, 'one after it'), ('{a/}', FALSE, 'a.', 0, 'one before'),
    ('{a}', TRUE, 'a', 1, 'a key'), ('{a}', TRUE, 'ab', 0, 'another'), ('{a,ab}', FALSE, 'abc', 1, 'ranges do not overlap'),
    ('{""}', FALSE, repeat(chr(1114111), 512), 1, 'all keys'), ('{}', TRUE, 'a', 0, 'none')
) AS v (beginnings, are_keys, key, ranges, what);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
