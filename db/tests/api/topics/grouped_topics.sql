BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(2);

DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.in_groups_b', p_writes => 'grouped', p_ownership => 'mixed');
    PERFORM khala.register_topic('pgtap.in_groups_a', p_writes => 'grouped', p_ownership => 'mixed');
    PERFORM khala.register_topic('pgtap.not_in_groups', p_ownership => 'mixed');
END
$$;
SELECT results_eq(
    $$SELECT g.topic FROM khala.grouped_topics() AS g (topic) WHERE g.topic LIKE 'pgtap.%'$$,
    ARRAY['pgtap.in_groups_a', 'pgtap.in_groups_b'], 'the grouped ones, by name'
);
DO $$ BEGIN PERFORM khala.set_topic_writes('pgtap.in_groups_a', 'direct'); END $$;
SELECT results_eq(
    $$SELECT g.topic FROM khala.grouped_topics() AS g (topic) WHERE g.topic LIKE 'pgtap.%'$$,
    ARRAY['pgtap.in_groups_b'], 'as long as they are'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
