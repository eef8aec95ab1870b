BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(5);

SELECT is(khala_internal.marks_of(v.key, v.lengths)::text, v.marks, v.what)
FROM (
    VALUES
    ('a"b', '{0,2}'::integer[], '["=a\"b", "^a\""]', 'those of the lengths asked for'), ('ab', '{3}', NULL, 'none'),
    ('ab', NULL, NULL, 'no lengths'), ('ab', '{}', NULL, 'an empty array of them'),
    ('ab', '{0,1,2,3,512}', '["=ab", "^a", "^ab"]', 'up to that of the key')
) AS v (key, lengths, marks, what);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
