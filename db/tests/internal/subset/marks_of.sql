BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(3);

SELECT is(khala_internal.marks_of(v.key, v.lengths)::text, v.marks, v.what)
FROM (
    VALUES
    ('a"b', '{0,2}'::integer[], '["=a\"b", "^a\""]', 'those of the lengths asked for'), ('ab', '{3}', NULL, 'none'),
    ('ab', NULL, NULL, 'no lengths')
) AS v (key, lengths, marks, what);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
