BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(2);

SELECT is((SELECT khala_internal.lightning_operators()), 'operators', 'the default');
SELECT lightning.set_operators('ops');
SELECT is((SELECT khala_internal.lightning_operators()), 'ops', 'as set');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
