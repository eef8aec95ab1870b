BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(3);

SELECT is(
    array_agg(khala_internal.number_text(v.given) ORDER BY v.place), array_agg(khala_internal.canonical_number(v.given) ORDER BY v.place),
    'the same as the long way, around every limit of the short one'
)
FROM unnest(
    ARRAY[
        0, 1, -1, 10, 100, 999999999999999, -999999999999999, 1000000000000000, 9007199254740992,
        0.5, -0.5, 1.50, 0.10, 100.00, 12345678901234.5, 1234567890123.45, 0.000001, 0.0000015, -0.0000001,
        100.000001, 0.00001, 0.000009, 1e20, 1e21, 1.5e21, 3.14159265358979, 333333333.3333333
    ]::numeric[]
) WITH ORDINALITY AS v (given, place);
SELECT throws_ok('SELECT khala_internal.number_text(9007199254740993)', 'KH005', NULL, 'no double');
SELECT is(khala_internal.number_text(NULL), NULL, 'null in, null out');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
