BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(23);

SELECT results_eq(
    $$SELECT * FROM khala.set_flag('web')$$, $$VALUES ('web', 'legacy', 0.00, '{}'::text[])$$, 'a new flag moves nobody'
);
SELECT results_eq(
    $$SELECT * FROM khala.set_flag('web', 'khala', 5.25, ARRAY['bob', 'ann', 'bob'])$$,
    $$VALUES ('web', 'khala', 5.25, ARRAY['ann', 'bob'])$$, 'everything at once; nobody is named twice'
);
SELECT results_eq(
    $$SELECT * FROM khala.set_flag('web', 'legacy')$$,
    $$VALUES ('web', 'legacy', 5.25, ARRAY['ann', 'bob'])$$, 'a rollback keeps the rest'
);
SELECT results_eq(
    $$SELECT * FROM khala.set_flag('web', p_percent => 100)$$,
    $$VALUES ('web', 'legacy', 100.00, ARRAY['ann', 'bob'])$$, 'the share alone'
);
SELECT results_eq(
    $$SELECT * FROM khala.set_flag('web', p_people => '{}')$$,
    $$VALUES ('web', 'legacy', 100.00, '{}'::text[])$$, 'people can be taken out'
);
SELECT results_eq(
    $$SELECT * FROM khala.set_flag('desk-top.runs_2', 'khala', 0.01)$$,
    $$VALUES ('desk-top.runs_2', 'khala', 0.01, '{}'::text[])$$, 'another surface'
);
SELECT is(count(*), 2::bigint, 'one row for each') FROM runtime.flags;
SELECT ok(bool_and(f.changed_by = session_user AND f.changed_at BETWEEN now() AND clock_timestamp()), 'who and when')
FROM runtime.flags AS f;

SELECT throws_ok('SELECT khala.set_flag(' || v.arguments || ')', 'KH007', NULL, 'not usable: ' || left(v.arguments, 60))
FROM (
    VALUES
    ('NULL'), (''''''), ('''Web'''), ('''2web'''), ('''a:b'''), ('''' || repeat('a', 65) || ''''),
    ('''web'', ''both'''), ('''web'', NULL, -0.01'), ('''web'', NULL, 100.01'), ('''web'', NULL, 1.005'), ('''web'', NULL, ''NaN'''),
    ('''web'', NULL, NULL, ARRAY['''']'), ('''web'', NULL, NULL, ARRAY[NULL]::text[]'),
    ('''web'', NULL, NULL, array_fill(''a''::text, ARRAY[1001])')
) AS v (arguments);
SELECT results_eq(
    $$SELECT f.lane, f.percent FROM runtime.flags AS f WHERE f.surface = 'web'$$, $$VALUES ('legacy', 100.00)$$,
    'what was refused changed nothing'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
