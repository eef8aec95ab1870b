BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(2);

SELECT throws_ok($$SELECT khala_internal.refuse_codex_worker('tap')$$, 'KH023', NULL, 'it is refused');
SELECT throws_ok('SELECT khala_internal.refuse_codex_worker(NULL)', 'KH023', NULL, 'no worker as well');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
