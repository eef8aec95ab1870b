BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(18);

SELECT function_privs_are(
    'khala', 'report_relay', ARRAY['text', 'text', 'double precision', 'integer', 'jsonb', 'integer', 'bigint', 'jsonb', 'boolean'],
    'khala_relay', ARRAY['EXECUTE'], 'relays may'
);
UPDATE runtime.sync_topics SET ownership = 'mixed';
CREATE FUNCTION pg_temp.report(p_relay text, p_sent bigint DEFAULT 0, p_lag jsonb DEFAULT '{}', p_connections integer DEFAULT 3) RETURNS double precision LANGUAGE sql AS $$
SELECT khala.report_relay(p_relay, '1', 60, p_connections, '{}', 0, p_sent, p_lag) $$;
-- As if all that was reported had been in the interval before.
CREATE FUNCTION pg_temp.pass(p_by interval DEFAULT '10 seconds') RETURNS void LANGUAGE sql AS $$
UPDATE runtime.activity SET at = at - p_by; UPDATE runtime.relay_reports SET reported_at = reported_at - p_by; $$;
SELECT khala.sink('runtime.notifications', 'k', 1, '{}');
SELECT ok(r.due_s BETWEEN 2 AND 18, 'when to report next')
FROM pg_temp.report('one', 1000, '{"runtime.notifications": {"0.1": 2}, "no.such": {"0.1": 1}}') AS r (due_s);
SELECT results_eq(
    'SELECT r.reported_at - r.started_at, r.stopped_at IS NULL, r.connections, r.sent_bytes FROM runtime.relay_reports AS r',
    $$VALUES ('60 seconds'::interval, TRUE, 3, 1000::bigint)$$, 'the report'
);
SELECT results_eq(
    'SELECT a.topic, a.writes, a.connections, a.sent_bytes, a.lag FROM runtime.activity AS a ORDER BY a.topic',
    $$VALUES ('', NULL::bigint, 3::bigint, 1000::bigint, '{"0.1": 3}'::jsonb), ('runtime.notifications', NULL, NULL, 0, '{"0.1": 2}')$$,
    'what was written before the first sample is not counted'
);
SELECT pg_temp.report('two', 5, '{"runtime.notifications": {"0.1": 1, "+Inf": 1}, "runtime.run_summaries": {"0.5": 1}}', 4);
SELECT pg_temp.report('one', 1500);
SELECT results_eq(
    'SELECT a.topic, a.writes, a.connections, a.sent_bytes, a.lag FROM runtime.activity AS a ORDER BY a.topic',
    $$VALUES ('', NULL::bigint, 7::bigint, 1505::bigint, '{"0.1": 4, "+Inf": 1, "0.5": 1}'::jsonb),
    ('runtime.notifications', NULL, NULL, 0, '{"0.1": 3, "+Inf": 1}'), ('runtime.run_summaries', NULL, NULL, 0, '{"0.5": 1}')$$,
    'relays together'
);
SELECT pg_temp.pass();
SELECT khala.sink('runtime.notifications', 'n' || n, 1, '{}') FROM generate_series(1, 5) AS n;
SELECT khala.register_topic('tap.new', p_ownership => 'public');
SELECT khala.sink('tap.new', 'k', 1, '{}');
SELECT pg_temp.report('one', 1500);
SELECT results_eq(
    'SELECT a.topic, a.writes FROM runtime.activity AS a WHERE a.at > now() - interval ''10 seconds'' ORDER BY a.topic',
    $$VALUES ('', 6::bigint), ('runtime.notifications', 5), ('tap.new', 1)$$, 'writes since the last sample'
);
SELECT pg_temp.report('two', 5);
SELECT is(a.writes, 6::bigint, 'which the first report of an interval takes')
FROM runtime.activity AS a WHERE a.topic = '' AND a.at > now() - interval '10 seconds';
SELECT pg_temp.pass('70 seconds');
SELECT khala.sink('runtime.notifications', 'm', 1, '{}');
SELECT khala.remove_topic('tap.new');
SELECT pg_temp.report('one', 400);
SELECT results_eq(
    'SELECT a.topic, a.writes, a.sent_bytes FROM runtime.activity AS a WHERE a.at > now() - interval ''10 seconds''',
    $$VALUES ('', NULL::bigint, 0::bigint)$$, 'what was written while no relay ran belongs to no interval, and counters that began anew count nothing'
);
SELECT is_empty('SELECT FROM runtime.activity_heads AS h WHERE h.topic = ''tap.new''', 'removed topics are forgotten');
SELECT pg_temp.pass();
SELECT khala.register_topic('tap.many' || n, p_ownership => 'public') FROM generate_series(1, 210) AS n;
SELECT khala.sink('tap.many' || n, 'k' || m, 1, '{}') FROM generate_series(1, 210) AS n CROSS JOIN generate_series(1, 2) AS m WHERE n > 20 OR m = 1;
SELECT pg_temp.report('one', 400);
SELECT is(concat_ws(' ', count(*), min(a.writes), max(a.writes)), '201 1 400', 'the 200 topics with most writes')
FROM runtime.activity AS a WHERE a.at > now() - interval '10 seconds';
SELECT pg_temp.report('two', 5, (SELECT jsonb_object_agg('tap.many' || n, '{"0.1": 1}'::jsonb) FROM generate_series(1, 210) AS n));
SELECT is(concat_ws(' ', count(*), max(a.lag ->> '0.1') FILTER (WHERE a.topic = '')), '201 210', 'and no more rows for lags')
-- On a slow machine the next interval may have begun.
FROM runtime.activity AS a WHERE a.at = (SELECT max(l.at) FROM runtime.activity AS l);
SELECT pg_temp.pass('1 hour');
INSERT INTO runtime.relay_reports SELECT 'relay' || n, '1', now(), now() - n * interval '1 second', NULL, 0, '{}', 0, 0 FROM generate_series(1, 1001) AS n;
SELECT pg_temp.report('one', 400);
SELECT results_eq('SELECT a.topic FROM runtime.activity AS a', ARRAY[''], 'what is older than an hour is deleted');
SELECT is(count(*), 1000::bigint, 'as are relays, beyond a thousand') FROM runtime.relay_reports;
SELECT khala.report_relay('one', '1', 60, 0, '{}', 0, 400, '{}', TRUE);
SELECT is(r.stopped_at = r.reported_at, TRUE, 'a relay that stops') FROM runtime.relay_reports AS r WHERE r.relay = 'one';
SELECT throws_ok('SELECT khala.report_relay(' || v.arguments || ')', 'KH007', NULL, v.arguments)
FROM (
    VALUES ('NULL, ''1'', 1, 1, ''{}'', 0, 0, ''{}'''), ('''r'', '''', 1, 1, ''{}'', 0, 0, ''{}'''),
    ('''r'', ''1'', 1, 1, ''[]'', 0, 0, ''{}'''), ('''r'', ''1'', 1, 1, ''{}'', 0, 0, NULL')
) AS v (arguments);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
