BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(5);

SELECT is(khala_internal.is_org_id(v.value), v.expected, v.what)
FROM (
    VALUES
    ('a', TRUE, 'a character'), (repeat('é', 200), TRUE, '200 characters'), ('', FALSE, 'none'), (repeat('a', 201), FALSE, '201'),
    (NULL, NULL, 'no value')
) AS v (value, expected, what);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
