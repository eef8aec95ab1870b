BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(12);

SELECT lives_ok('SELECT khala_internal.check_page_limits(' || v.limits || ')', 'possible: ' || v.limits)
FROM (VALUES ('1, 1'), ('200, 2097152'), ('10000, 67108864')) AS v (limits);
SELECT throws_ok('SELECT khala_internal.check_page_limits(' || v.limits || ')', 'KH007', NULL, 'not possible: ' || v.limits)
FROM (
    VALUES
    ('0, 1000'), ('-1, 1000'), ('10001, 1000'), ('NULL, 1000'), ('200, 0'), ('200, -1'), ('200, 67108865'), ('200, NULL'),
    ('NULL, NULL')
) AS v (limits);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
