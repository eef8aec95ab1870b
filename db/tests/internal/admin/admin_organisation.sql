BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(7);

SELECT is(khala_internal.admin_organisation('a', '{khala.admin}'), 'a', 'a token reads what is its organisation''s');
SELECT is(khala_internal.admin_organisation('a', '{x,khala.admin.all,khala.admin}', TRUE), NULL, 'or everything');
SELECT throws_ok('SELECT khala_internal.admin_organisation(' || v.arguments || ')', 'KH025', NULL, v.arguments)
FROM (
    VALUES ('''a'', ''{khala.admin.all,runtime.operate}'''), ('''a'', NULL'), ('''a'', ''{}'''),
    ('''a'', ''{khala.admin}'', TRUE'), ('NULL, ''{khala.admin}''')
) AS v (arguments);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
