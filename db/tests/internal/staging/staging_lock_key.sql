BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(3);

SELECT is(
    khala_internal.staging_lock_key('pgtap.a'), khala_internal.staging_lock_key('pgtap.a'), 'the same for the same topic'
);
SELECT isnt(
    khala_internal.staging_lock_key('pgtap.a'), khala_internal.staging_lock_key('pgtap.b'), 'another for another'
);
SELECT isnt(
    khala_internal.staging_lock_key('pgtap.a'), khala_internal.topic_lock_key('pgtap.a'),
    'and not the one for which direct writers queue'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
