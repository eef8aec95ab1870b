BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(19);

-- Every rule that an event can break.
SELECT lives_ok(
    $$SELECT khala_internal.check_event('run', 'a', 'run.started', '{"n": 1.5}', 'o', 1, now())$$, 'a complete event'
);
SELECT lives_ok(
    $$SELECT khala_internal.check_event('codex_worker', repeat('a', 400), 't', '{}', NULL, NULL, NULL)$$, 'the least there must be'
);
SELECT throws_ok($$SELECT khala_internal.check_event(NULL, 'a', 't', '{}', NULL, NULL, NULL)$$, 'KH007', NULL, 'no kind');
SELECT throws_ok($$SELECT khala_internal.check_event('job', 'a', 't', '{}', NULL, NULL, NULL)$$, 'KH007', NULL, 'unknown kind');
SELECT throws_ok($$SELECT khala_internal.check_event('run', NULL, 't', '{}', NULL, NULL, NULL)$$, 'KH007', NULL, 'no id');
SELECT throws_ok(
    $$SELECT khala_internal.check_event('run', repeat('a', 401), 't', '{}', NULL, NULL, NULL)$$, 'KH007', NULL, 'long id'
);
SELECT throws_ok($$SELECT khala_internal.check_event('run', 'a', NULL, '{}', NULL, NULL, NULL)$$, 'KH007', NULL, 'no type');
SELECT throws_ok($$SELECT khala_internal.check_event('run', 'a', '', '{}', NULL, NULL, NULL)$$, 'KH007', NULL, 'empty type');
SELECT throws_ok(
    $$SELECT khala_internal.check_event('run', 'a', 'run.lost', '{}', NULL, NULL, NULL)$$, 'KH007', NULL, 'Khala''s own type'
);
SELECT throws_ok(
    $$SELECT khala_internal.check_event('codex_worker', 'a', 'worker.lost', '{}', NULL, 2, NULL)$$, 'KH007', NULL, 'that of workers'
);
SELECT throws_ok($$SELECT khala_internal.check_event('run', 'a', 't', '{}', '', NULL, NULL)$$, 'KH007', NULL, 'empty owner');
SELECT throws_ok($$SELECT khala_internal.check_event('run', 'a', 't', '{}', NULL, 0, NULL)$$, 'KH007', NULL, 'number zero');
SELECT throws_ok(
    $$SELECT khala_internal.check_event('run', 'a', 't', '{}', NULL, NULL, 'infinity')$$, 'KH007', NULL, 'no moment'
);
SELECT throws_ok(
    $$SELECT khala_internal.check_event('run', 'a', 't', '{}', NULL, NULL, '10000-01-01 00:00:00+00')$$, 'KH007', NULL, 'year 10000'
);
SELECT throws_ok($$SELECT khala_internal.check_event('run', 'a', 't', NULL, NULL, NULL, NULL)$$, 'KH005', NULL, 'no payload');
SELECT throws_ok($$SELECT khala_internal.check_event('run', 'a', 't', '[]', NULL, NULL, NULL)$$, 'KH005', NULL, 'not an object');
SELECT throws_ok(
    $$SELECT khala_internal.check_event('run', 'a', 't', '{"n": 9007199254740993}', NULL, NULL, NULL)$$, 'KH005', NULL,
    'a number no double stands for'
);
SELECT throws_ok(
    $$SELECT khala_internal.check_event('run', 'a', 't', jsonb_build_object('a', repeat('a', 1048577)), NULL, NULL, NULL)$$,
    'KH004', NULL, 'a large payload'
);
SELECT volatility_is('khala_internal', 'check_event', 'immutable', 'it looks at nothing but the event');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
