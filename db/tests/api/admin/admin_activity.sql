BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(5);

CREATE FUNCTION pg_temp.points(p_topic text) RETURNS jsonb LANGUAGE sql AS $$
SELECT coalesce(jsonb_agg(p.value - 'at' ORDER BY p.ordinality), '[]')
FROM jsonb_array_elements(khala.admin_activity('a', '{khala.admin,khala.admin.all}', p_topic)::jsonb -> 'points') WITH ORDINALITY AS p $$;
SELECT is(khala.admin_activity('a', '{khala.admin,khala.admin.all}')::jsonb - 'to', '{"interval_s": 10, "points": []}', 'none');
INSERT INTO runtime.activity (at, topic, writes, connections, sent_bytes, lag)
VALUES (now() - interval '61 minutes', '', 9, 9, 9, '{}'),
(now() - interval '20 seconds', '', NULL, 4, 0, '{}'),
(now() - interval '10 seconds', '', 7, 5, 600, '{"0.1": 4}'),
(now() - interval '10 seconds', 'runtime.notifications', 3, NULL, 0, '{"0.1": 1}'),
(now(), '', 0, 5, 0, '{}');
SELECT is(
    pg_temp.points(NULL),
    '[{"writes": null, "connections": 4, "sent_bytes": 0, "delivery_lag_p50_s": null, "delivery_lag_p99_s": null},
    {"writes": 7, "connections": 5, "sent_bytes": 600, "delivery_lag_p50_s": 0.05, "delivery_lag_p99_s": 0.099},
    {"writes": 0, "connections": 5, "sent_bytes": 0, "delivery_lag_p50_s": null, "delivery_lag_p99_s": null}]', 'of the last hour'
);
SELECT is(
    pg_temp.points('runtime.notifications'),
    '[{"writes": null, "connections": null, "sent_bytes": null, "delivery_lag_p50_s": null, "delivery_lag_p99_s": null},
    {"writes": 3, "connections": null, "sent_bytes": null, "delivery_lag_p50_s": 0.05, "delivery_lag_p99_s": 0.099},
    {"writes": 0, "connections": null, "sent_bytes": null, "delivery_lag_p50_s": null, "delivery_lag_p99_s": null}]', 'of a topic'
);
SELECT throws_ok('SELECT khala.admin_activity(' || v.arguments || ')', v.sqlstate, NULL, v.arguments)
FROM (VALUES ('''a'', ''{khala.admin}''', 'KH025'), ('''a'', ''{khala.admin,khala.admin.all}'', ''no.such''', 'KH001')) AS v (arguments, sqlstate);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
