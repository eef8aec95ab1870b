BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(6);

SELECT function_privs_are('khala', 'remove_flag', ARRAY['text'], 'khala_dba', ARRAY['EXECUTE'], 'an administrator may');
SELECT function_privs_are('khala', 'remove_flag', ARRAY['text'], 'khala_relay', '{}', 'a relay may not');
SELECT khala.set_flag('web', 'khala', 100);
SELECT khala.set_flag('mobile');
SELECT is(khala.remove_flag('web'), TRUE, 'it is removed');
SELECT is(khala.flags_of('ann'), '{"flags": {"mobile": "legacy"}}', 'the others stay');
SELECT is(khala.remove_flag('web'), FALSE, 'it was there once');
SELECT throws_ok('SELECT khala.remove_flag(NULL)', 'KH007', NULL, 'no surface');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
