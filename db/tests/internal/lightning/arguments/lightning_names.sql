BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(7);

SELECT is((SELECT khala_internal.lightning_names('{"a": [" x", "", "y"]}', 'a')), ARRAY['x', 'y'], 'trimmed, without blanks');
SELECT is((SELECT khala_internal.lightning_names('{"a": []}', 'a')), '{}'::text[], 'an empty array is given');
SELECT is((SELECT khala_internal.lightning_names('{}', 'a')), NULL::text[], 'absent');
SELECT throws_ok(q.query, 'KH020', q.message, q.query)
FROM (
    VALUES
    ($$SELECT khala_internal.lightning_names('{"a": "x"}', 'a', ARRAY['x'])$$, 'invalid_a'),
    ($$SELECT khala_internal.lightning_names('{"a": [1]}', 'a', ARRAY['x'])$$, 'invalid_a'),
    ($$SELECT khala_internal.lightning_names('{"a": ["y"]}', 'a', ARRAY['x'])$$, 'invalid_a'),
    ($$SELECT khala_internal.lightning_names('{"a": {}}', 'a', ARRAY['x'])$$, 'invalid_a')
) AS q (query, message);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
