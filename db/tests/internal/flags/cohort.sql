BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(6);

-- Computed with sha256sum; tests/fixtures/cohort_vectors.v1.json has more.
SELECT is(khala_internal.cohort('web', 'ann'), 9509, 'a known cohort');
SELECT isnt(khala_internal.cohort('mobile', 'ann'), khala_internal.cohort('web', 'ann'), 'another surface has other cohorts');
SELECT is(khala_internal.cohort('web', NULL), NULL, 'none of nobody');
SELECT is(khala_internal.cohort(NULL, 'ann'), NULL, 'nor for no surface');
SELECT ok(min(c.cohort) >= 0 AND max(c.cohort) <= 9999, 'in range')
FROM (SELECT khala_internal.cohort('web', 'user-' || n) AS cohort FROM generate_series(1, 20000) AS n) AS c;
-- The deviation of a share of 5 % of 20000 is 31.
SELECT ok(count(*) FILTER (WHERE c.cohort < 500) BETWEEN 850 AND 1150, 'evenly distributed')
FROM (SELECT khala_internal.cohort('web', 'user-' || n) AS cohort FROM generate_series(1, 20000) AS n) AS c;

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
