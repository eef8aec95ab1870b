BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(8);

SELECT function_privs_are('khala', 'list_run_events', ARRAY['text', 'text', 'bigint', 'integer'], 'khala_relay', ARRAY['EXECUTE'], 'relays may');
SELECT khala.append_run_event('tap', 'run.started', '{"a": 1}', 'tap-org', 1, '2026-01-01T00:00:00Z');
SELECT khala.append_run_event('tap', 'run.heartbeat');
SELECT is(
    khala.list_run_events('tap-org', 'tap', 0, 1)
    @> '{"events": [{"seq": 1, "type": "run.started", "payload": {"a": 1}, "occurred_at": "2026-01-01T00:00:00.000000Z"}], "next_after": 1, "latest_seq": 2}',
    TRUE, 'a page'
);
SELECT is(khala.list_run_events('tap-org', 'tap', 1) #>> '{events,0,type}', 'run.heartbeat', 'the next one');
SELECT throws_ok('SELECT khala.list_run_events(' || v.arguments || ')', v.code, NULL, v.arguments)
FROM (
    VALUES
    ('''tap-org'', ''tap'', -1', 'KH020'), ('''tap-org'', ''tap'', 0, 1001', 'KH020'), ('''tap-other'', ''tap''', 'KH023'),
    ('NULL, ''tap''', 'KH023'), ('''tap-org'', ''tap-none''', 'KH023')
) AS v (arguments, code);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
