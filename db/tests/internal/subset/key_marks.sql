BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(11);

SELECT is((SELECT coalesce(array_agg(m.mark), '{}') FROM khala_internal.key_marks(v.key, v.lengths, v.marks) AS m), v.expected, v.what)
FROM (
    VALUES
    ('abc', '{0,2}'::integer[], NULL::jsonb, '{=abc,^ab}'::text[], 'the key as a whole and a beginning'),
    ('abc', '{3}', NULL, '{^abc}', 'a beginning may be all of it'),
    ('abc', '{4}', NULL, '{}', 'but not longer'),
    ('abc', '{}', NULL, '{}', 'no lengths, no marks'),
    ('abc', NULL, NULL, '{}', 'nor without any'),
    ('äöü', '{2}', NULL, '{^äö}', 'lengths count characters'),
    ('abc', '{0,2}', '{"=abc": null}', '{=abc}', 'of a subset that names the key'),
    ('abc', '{0,2}', '{"^ab": null, "=x": null}', '{^ab}', 'of one that has its beginning'),
    ('abc', '{0,2}', '{"=ab": null, "^abc": null}', '{}', 'a key that is only a beginning is another key'),
    ('=abc', '{0,1}', '{"=abc": null}', '{}', 'a key that looks like a mark'),
    ('abc', '{0,2}', '{}', '{}', 'a subset of nothing')
) AS v (key, lengths, marks, expected, what);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
