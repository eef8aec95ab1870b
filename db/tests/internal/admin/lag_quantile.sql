BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(6);

SELECT is(khala_internal.lag_quantile(v.lag, v.share), v.expected, v.what)
FROM (
    VALUES
    ('{}'::jsonb, 0.5, NULL::numeric, 'of nothing'),
    ('{"0.1": 0, "+Inf": 0}', 0.5, NULL, 'of nothing counted'),
    ('{"0.1": 4}', 0.5, 0.05, 'within the first bound'),
    ('{"0.1": 5, "0.2": 4, "0.5": 1}', 0.9, 0.2, 'at a bound, whatever the order of keys'),
    ('{"0.1": 1, "10": 1}', 1, 10, 'the last'),
    ('{"0.1": 1, "1": 0, "+Inf": 9}', 0.99, 1, 'beyond the last finite bound')
) AS v (lag, share, expected, what);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
