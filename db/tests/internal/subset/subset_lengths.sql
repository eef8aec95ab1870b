BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(3);

SELECT is(khala_internal.subset_lengths(v.subset), v.lengths, v.what)
FROM (
    VALUES
    ('{"lengths": [2, 4], "marks": {}}'::jsonb, '{2,4}'::integer[], 'those it has'), ('{"lengths": [], "marks": {}}', '{}', 'none'),
    (NULL, NULL, 'all keys have none')
) AS v (subset, lengths, what);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
