BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(2);

SELECT is(khala_internal.pointer_part('a/b~c'), 'a~1b~0c', 'slash and tilde');
SELECT is(khala_internal.pointer_part('plain'), 'plain', 'others stay');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
