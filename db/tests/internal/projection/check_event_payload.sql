BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(6);

SELECT lives_ok($$SELECT khala_internal.check_event_payload('{"n": 1.5}')$$, 'an object');
SELECT throws_ok('SELECT khala_internal.check_event_payload(NULL)', 'KH005', NULL, 'nothing');
SELECT throws_ok($$SELECT khala_internal.check_event_payload('[]')$$, 'KH005', NULL, 'not an object');
SELECT throws_ok($$SELECT khala_internal.check_event_payload('{"n": 1e400}')$$, 'KH005', NULL, 'a number no double stands for');
SELECT throws_ok(
    $$SELECT khala_internal.check_event_payload(jsonb_build_object('a', repeat('a', 1048577)))$$, 'KH004', NULL, 'a large one'
);
SELECT volatility_is('khala_internal', 'check_event_payload', 'immutable', 'it looks at nothing but the payload');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
