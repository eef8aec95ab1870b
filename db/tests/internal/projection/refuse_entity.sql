BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(3);

SELECT throws_ok(
    $$SELECT khala_internal.refuse_entity('codex_worker', 'tap')$$, 'KH023',
    'there is no codex worker ''tap'' of this organisation', 'a worker'
);
SELECT throws_ok(
    $$SELECT khala_internal.refuse_entity('run', 'tap')$$, 'KH023', 'there is no run ''tap'' of this organisation', 'a run'
);
SELECT throws_ok($$SELECT khala_internal.refuse_entity('run', NULL)$$, 'KH023', NULL, 'none as well');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
