BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(9);

SELECT results_eq($$SELECT c.created_at_ms, c.id FROM khala_internal.lightning_cursor('12:a:b', 100) AS c$$, $$VALUES (12::bigint, 'a:b')$$, 'time and identifier');
SELECT results_eq($$SELECT c.created_at_ms, c.id FROM khala_internal.lightning_cursor(NULL, 100) AS c$$, $$VALUES (-1::bigint, '')$$, 'the first page');
SELECT throws_ok(q.query, 'KH020', q.message, q.query)
FROM (
    VALUES
    ($$SELECT khala_internal.lightning_cursor(NULL, NULL)$$, 'invalid_limit'),
    ($$SELECT khala_internal.lightning_cursor(NULL, 0)$$, 'invalid_limit'),
    ($$SELECT khala_internal.lightning_cursor(NULL, 1001)$$, 'invalid_limit'),
    ($$SELECT khala_internal.lightning_cursor('', 100)$$, 'invalid_cursor'),
    ($$SELECT khala_internal.lightning_cursor('x:y', 100)$$, 'invalid_cursor'),
    ($$SELECT khala_internal.lightning_cursor('1:', 100)$$, 'invalid_cursor'),
    ($$SELECT khala_internal.lightning_cursor('9999999999999999:a', 100)$$, 'invalid_cursor')
) AS q (query, message);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
