BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(2);

SELECT throws_ok($$SELECT khala_internal.refuse_publisher('none')$$, 'KH007', 'publisher ''none'' is not known', 'it is named');
SELECT throws_ok('SELECT khala_internal.refuse_publisher(NULL)', 'KH007', 'publisher NULL is not known', 'null');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
