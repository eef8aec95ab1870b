BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(18);

DO $$ BEGIN PERFORM khala.register_topic('pgtap.set', p_enum_name => 'SYNC_TOPIC_PGTAP_SET'); END $$;
CREATE FUNCTION pg_temp.settings()
RETURNS text LANGUAGE sql AS $$
SELECT concat_ws(' ', t.payload_mode, t.inline_limit_bytes, t.retention_horizon, t.ownership, t.max_staged_writes, t.writes, t.enum_name)
FROM runtime.sync_topics AS t WHERE t.topic = 'pgtap.set'
$$;
SELECT is(khala.set_topic('pgtap.set'), 'pgtap.set', 'nothing given');
SELECT is(pg_temp.settings(), 'auto 262144 7 days owned 100000 direct SYNC_TOPIC_PGTAP_SET', 'nothing changed');
SELECT is(khala.set_topic('pgtap.set', p_retention_horizon => '2 days'), 'pgtap.set', 'one setting');
SELECT is(pg_temp.settings(), 'auto 262144 2 days owned 100000 direct SYNC_TOPIC_PGTAP_SET', 'the others stay');
SELECT is(khala.set_topic('pgtap.set', 'inline', 10, '1 hour', 'mixed', 5), 'pgtap.set', 'all of them');
SELECT is(pg_temp.settings(), 'inline 10 01:00:00 mixed 5 direct SYNC_TOPIC_PGTAP_SET', 'are changed');
SELECT throws_ok(
    $$SELECT khala.sink('pgtap.set', 'k', 1, '{"long": "enough"}')$$, 'KH004', NULL, 'they apply to the next write'
);
SELECT lives_ok(
    $$SELECT khala.register_topic('pgtap.set', NULL, 'inline', 10, '1 hour', 'mixed', 'SYNC_TOPIC_PGTAP_SET')$$,
    'registering knows them'
);
SELECT throws_ok('SELECT khala.set_topic(''pgtap.set'', ' || v.setting || ')', 'KH007', NULL, 'not usable: ' || v.setting)
FROM (
    VALUES
    ('p_payload_mode => ''both'''), ('p_inline_limit_bytes => 0'), ('p_inline_limit_bytes => 16777217'),
    ('p_retention_horizon => ''0'''), ('p_ownership => ''shared'''), ('p_max_staged_writes => 0')
) AS v (setting);
SELECT is(pg_temp.settings(), 'inline 10 01:00:00 mixed 5 direct SYNC_TOPIC_PGTAP_SET', 'what was refused changed nothing');
SELECT throws_ok($$SELECT khala.set_topic('pgtap.nowhere')$$, 'KH001', NULL, 'an unknown topic');
SELECT throws_ok($$SELECT khala.set_topic(NULL)$$, 'KH001', NULL, 'none');
SELECT ok(NOT has_table_privilege('khala_dba', 'runtime.sync_topics', 'UPDATE'), 'it is the only way');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
