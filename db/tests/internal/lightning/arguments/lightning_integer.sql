BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(11);

SELECT is((SELECT khala_internal.lightning_integer('{"a": 5}', 'a')), 5::bigint, 'a number');
SELECT is((SELECT khala_internal.lightning_integer('{"a": 5.0}', 'a')), 5::bigint, '5.0 is an integer');
SELECT is((SELECT khala_internal.lightning_integer('{"a": null}', 'a')), NULL::bigint, 'null is absent');
SELECT throws_ok(q.query, 'KH020', q.message, q.query)
FROM (
    VALUES
    ($$SELECT khala_internal.lightning_integer('{}', 'a', TRUE)$$, 'missing_a'),
    ($$SELECT khala_internal.lightning_integer('{"a": 0}', 'a', TRUE, 1, 10)$$, 'invalid_a'),
    ($$SELECT khala_internal.lightning_integer('{"a": 11}', 'a', TRUE, 1, 10)$$, 'invalid_a'),
    ($$SELECT khala_internal.lightning_integer('{"a": 1.5}', 'a', TRUE, 1, 10)$$, 'invalid_a'),
    ($$SELECT khala_internal.lightning_integer('{"a": "5"}', 'a', TRUE, 1, 10)$$, 'invalid_a'),
    ($$SELECT khala_internal.lightning_integer('{"a": true}', 'a', TRUE, 1, 10)$$, 'invalid_a'),
    ($$SELECT khala_internal.lightning_integer('{"a": [1]}', 'a', TRUE, 1, 10)$$, 'invalid_a'),
    ($$SELECT khala_internal.lightning_integer('{"a": 1e400}', 'a', TRUE, 1, 10)$$, 'invalid_a')
) AS q (query, message);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
