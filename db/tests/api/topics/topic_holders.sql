BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(4);

DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.held', p_ownership => 'mixed');
    PERFORM khala.register_topic('pgtap.held_not', p_ownership => 'mixed');
END
$$;
SELECT is_empty($$SELECT khala.topic_holders('pgtap.held')$$, 'nobody has written to it');
DO $$ BEGIN PERFORM khala.sink('pgtap.held', 'k', 1, '{}'); END $$;
SELECT results_eq($$SELECT khala.topic_holders('pgtap.held')$$, $$SELECT pg_backend_pid()$$, 'a writer until it ends');
SELECT is_empty($$SELECT khala.topic_holders('pgtap.held_not')$$, 'of this topic alone');
SELECT is_empty($$SELECT khala.topic_holders('pgtap.nowhere')$$, 'an unknown topic has none');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
