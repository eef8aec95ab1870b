BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(1);

SELECT results_eq(
    $$SELECT khala_internal.lightning_invoice_rank(s.status) FROM (VALUES ('open'), ('canceled'), ('expired'), ('settled')) AS s (status)$$,
    ARRAY[1, 2, 2, 3], 'open < canceled = expired < settled'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
