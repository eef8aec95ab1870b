BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(11);

SELECT is((SELECT khala_internal.lightning_text('{"a": " x y\t"}', 'a')), 'x y', 'trimmed');
SELECT is((SELECT khala_internal.lightning_text('{"a": " \n "}', 'a')), NULL, 'blank is absent');
SELECT is((SELECT khala_internal.lightning_text('{"a": null}', 'a')), NULL, 'null is absent');
SELECT is((SELECT khala_internal.lightning_text('{}', 'a')), NULL, 'absent');
SELECT is((SELECT khala_internal.lightning_text('{"a": "x"}', 'a', TRUE, ARRAY['x', 'y'])), 'x', 'one of the allowed');
SELECT throws_ok(q.query, 'KH020', q.message, q.query)
FROM (
    VALUES
    ($$SELECT khala_internal.lightning_text('{"a": 1}', 'a')$$, 'invalid_a'),
    ($$SELECT khala_internal.lightning_text('{"a": ["x"]}', 'a')$$, 'invalid_a'),
    ($$SELECT khala_internal.lightning_text('{"a": " "}', 'a', TRUE)$$, 'missing_a'),
    ($$SELECT khala_internal.lightning_text('{}', 'a', TRUE)$$, 'missing_a'),
    ($$SELECT khala_internal.lightning_text('{"a": "z"}', 'a', TRUE, ARRAY['x', 'y'])$$, 'invalid_a'),
    ($$SELECT khala_internal.lightning_text('{"a": "xyz"}', 'a', p_most => 2)$$, 'invalid_a')
) AS q (query, message);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
