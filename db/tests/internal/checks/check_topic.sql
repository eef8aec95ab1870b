BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(11);

-- Each rule is refused through its callers: see api/topics/register_topic.sql and api/topics/set_topic.sql.
SELECT lives_ok(
    $$SELECT khala_internal.check_topic(t) FROM runtime.sync_topics AS t$$, 'every registered topic keeps the rules'
);
CREATE FUNCTION pg_temp.broken(p_column text, p_value text)
RETURNS runtime.sync_topics LANGUAGE sql AS $$
SELECT jsonb_populate_record(t, jsonb_build_object(p_column, p_value))
FROM runtime.sync_topics AS t WHERE t.topic = 'runtime.notifications'
$$;
SELECT throws_ok(
    format('SELECT khala_internal.check_topic(pg_temp.broken(%L, %L))', v.col, v.value), 'KH007', NULL, v.col || ' is checked'
)
FROM (
    VALUES
    ('topic', 'A'), ('read_model', 'orders'), ('payload_mode', 'both'), ('inline_limit_bytes', '0'), ('inline_limit_bytes', '16777217'),
    ('retention_horizon', '0'), ('ownership', 'shared'), ('enum_name', 'orders'), ('writes', 'both'), ('max_staged_writes', '0')
) AS v (col, value);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
