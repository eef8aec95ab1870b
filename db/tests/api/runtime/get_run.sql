BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(16);

SELECT function_privs_are('khala', 'get_run', ARRAY['text', 'text'], 'khala_relay', ARRAY['EXECUTE'], 'relays may');
CREATE FUNCTION pg_temp.lines() RETURNS text LANGUAGE sql AS $$ SELECT khala.get_run('tap-org', 'tap') ->> 'last_lines' $$;
UPDATE runtime.sync_topics SET ownership = 'mixed';
SELECT khala.append_run_event('tap', 'run.started', '{"title": "T"}', 'tap-org');
SELECT khala.append_run_event('tap-public', 'run.started');
SELECT is(
    khala.get_run('tap-org', 'tap') @> '{"run": {"run_id": "tap", "title": "T", "projection_lag": 0}, "version": 1, "last_lines": []}',
    TRUE, 'document, version and no lines yet'
);
SELECT khala.append_run_event('tap', 'run.progress', '{"last_line": "only"}');
SELECT is(pg_temp.lines(), '["only"]', 'a writer that reports one line');
SELECT khala.append_run_event('tap', 'run.progress', '{"last_line": "b", "last_lines": ["a", 1, null, "b"]}');
SELECT khala.append_run_event('tap', 'run.heartbeat');
SELECT is(pg_temp.lines(), '["a", "b"]', 'the strings of the newest event that has lines');
SELECT is(khala.get_run('tap-org', 'tap') #> '{run,progress}', '{"last_line": "b"}', 'the document has the last line only');
SELECT khala.append_run_event(
    'tap', 'run.finished', jsonb_build_object(
        'exit_code', 0, 'last_lines', (SELECT jsonb_agg(n::text ORDER BY n) FROM generate_series(1, 30) AS g (n))
    )
);
SELECT is(pg_temp.lines()::jsonb ->> 0, '11', 'the end has the last ones, of which there are at most 20');
SELECT is(jsonb_array_length(pg_temp.lines()::jsonb), 20, 'twenty');
SELECT khala.append_run_event('tap', 'run.started', '{}');
SELECT is(pg_temp.lines(), '[]', 'a new start has none');
SELECT khala.append_run_event('tap', 'run.progress', '{"last_lines": "x"}');
SELECT is(pg_temp.lines(), '[]', 'lines of another type are none');
SELECT khala.append_run_event('tap', 'run.progress', jsonb_build_object('last_lines', jsonb_build_array(repeat('x', 600))));
SELECT is(length(pg_temp.lines()::jsonb ->> 0), 500, 'long lines are cut');
SELECT throws_ok('SELECT khala.get_run(' || v.arguments || ')', 'KH023', NULL, 'not theirs: ' || v.arguments)
FROM (VALUES ('''tap-other'', ''tap'''), ('NULL, ''tap'''), ('''tap-org'', ''tap-public'''), ('NULL, ''tap-public'''), ('''tap-org'', NULL')) AS v (arguments);
SELECT khala.sink_delete('runtime.run_summaries', 'runtime/run_summary:tap', 90, 'tap-org');
SELECT throws_ok('SELECT khala.get_run(''tap-org'', ''tap'')', 'KH023', NULL, 'a tombstone is no run');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
