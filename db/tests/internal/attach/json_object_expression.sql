BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(4);

SELECT is(khala_internal.json_object_expression('{a,b''c}', '{x,y}'), 'jsonb_build_object(''a'', x, ''b''''c'', y)', 'an object');
SELECT is(khala_internal.json_object_expression('{}', '{}'), '''{}''::jsonb', 'without members');
SELECT is(khala_internal.json_object_expression(NULL, NULL), '''{}''::jsonb', 'nor names');
SELECT is(
    (SELECT length(o.e) - length(replace(o.e, ' || ', '')) FROM khala_internal.json_object_expression(
        (SELECT array_agg('c' || n) FROM generate_series(1, 120) AS n), (SELECT array_agg('1'::text) FROM generate_series(1, 120))
    ) AS o (e)), 8, 'of 120 members in three parts'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
