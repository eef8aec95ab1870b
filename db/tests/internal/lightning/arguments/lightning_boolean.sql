BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(6);

SELECT is((SELECT khala_internal.lightning_boolean('{"a": false}', 'a', TRUE)), FALSE, 'false is given');
SELECT is((SELECT khala_internal.lightning_boolean('{}', 'a')), NULL::boolean, 'absent');
SELECT throws_ok(q.query, 'KH020', q.message, q.query)
FROM (
    VALUES
    ($$SELECT khala_internal.lightning_boolean('{"a": null}', 'a', TRUE)$$, 'missing_a'),
    ($$SELECT khala_internal.lightning_boolean('{"a": 0}', 'a')$$, 'invalid_a'),
    ($$SELECT khala_internal.lightning_boolean('{"a": "true"}', 'a')$$, 'invalid_a'),
    ($$SELECT khala_internal.lightning_boolean('{"a": []}', 'a')$$, 'invalid_a')
) AS q (query, message);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
