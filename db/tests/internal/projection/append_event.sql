BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(4);

-- Entities below belong to nobody.
UPDATE runtime.sync_topics SET ownership = 'mixed';

-- The part that both kinds of entity share; append_run_event and append_codex_worker_event test it in full.
SELECT results_eq(
    $$SELECT seq, outcome FROM khala_internal.append_event('run', 'tap', 'x', '{}', NULL, NULL, NULL)$$,
    $$VALUES (1::bigint, 'appended')$$, 'appends to the kind that is named'
);
SELECT results_eq(
    $$SELECT seq, outcome FROM khala_internal.append_event('codex_worker', 'tap', 'x', '{}', NULL, 1, NULL)$$,
    $$VALUES (1::bigint, 'appended')$$, 'the same id in another kind is another entity'
);
SELECT throws_ok(
    $$SELECT khala_internal.append_event('job', 'tap', 'x', '{}', NULL, NULL, NULL)$$, 'KH007', NULL, 'an unknown kind'
);
SELECT throws_ok(
    $$SELECT khala_internal.append_event('run', 'tap', 'x', '{}', 'tap-org', NULL, NULL)$$, 'KH009', NULL,
    'a public entity stays public'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
