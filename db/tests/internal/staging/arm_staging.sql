BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(5);

DO $$ BEGIN PERFORM khala.register_topic('pgtap.arming', p_writes => 'grouped', p_ownership => 'mixed'); END $$;
CREATE TEMP VIEW mine AS
SELECT s.armed, s.settled, s.taken, s.next_settled FROM runtime.sync_topic_staging AS s WHERE s.topic = 'pgtap.arming';

SELECT is(khala_internal.arm_staging('pgtap.arming'), 'armed', 'nothing is staged');
SELECT is((SELECT m.armed FROM mine AS m), TRUE, 'so the next writer notifies');
DO $$ BEGIN PERFORM khala.sink('pgtap.arming', 'k' || n, 1, '{}', 'a') FROM generate_series(1, 3) AS n; END $$;
SELECT is(khala_internal.arm_staging('pgtap.arming'), 'more', 'something is staged');
DO $$
BEGIN
    PERFORM khala.sequence('pgtap.arming');
    PERFORM khala_internal.arm_staging('pgtap.arming');
END
$$;
SELECT results_eq('TABLE mine', 'VALUES (TRUE, 3::bigint, 0::bigint, NULL::bigint)', 'every position given out is settled');
SELECT is(khala_internal.arm_staging('pgtap.arming'), 'armed', 'twice is once');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
