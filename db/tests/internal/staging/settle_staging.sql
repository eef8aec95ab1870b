BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(9);

DO $$ BEGIN PERFORM khala.register_topic('pgtap.arming', p_writes => 'grouped', p_ownership => 'mixed'); END $$;
CREATE TEMP VIEW mine AS
SELECT s.armed, s.settled, s.taken, s.next_settled FROM runtime.sync_topic_staging AS s WHERE s.topic = 'pgtap.arming';

SELECT is(khala_internal.settle_staging('pgtap.arming', TRUE), 'armed', 'nothing is staged');
SELECT is((SELECT m.armed FROM mine AS m), TRUE, 'so the next writer notifies');
DO $$ BEGIN PERFORM khala.sink('pgtap.arming', 'k' || n, 1, '{}', 'a') FROM generate_series(1, 3) AS n; END $$;
SELECT is(khala_internal.settle_staging('pgtap.arming', TRUE), 'more', 'something is staged');
DO $$
BEGIN
    PERFORM khala.sequence('pgtap.arming');
    PERFORM khala_internal.settle_staging('pgtap.arming', TRUE);
END
$$;
SELECT results_eq('TABLE mine', 'VALUES (TRUE, 3::bigint, 0::bigint, NULL::bigint)', 'every position given out is settled');
SELECT is(khala_internal.settle_staging('pgtap.arming', TRUE), 'armed', 'twice is once');

-- Without a notification.
DO $$
BEGIN
    BEGIN
        PERFORM khala.sink('pgtap.arming', 'gone', 1, '{}', 'a') FROM generate_series(1, 3);
        RAISE EXCEPTION 'rolled back' USING ERRCODE = 'P0002';
    EXCEPTION
        WHEN no_data_found THEN NULL;
    END;
END
$$;
SELECT is(khala_internal.settle_staging('pgtap.arming', FALSE), 'done', 'what was rolled back is not waited for');
SELECT results_eq('TABLE mine', 'VALUES (TRUE, 6::bigint, 0::bigint, NULL::bigint)', 'its positions are settled, and whoever sleeps still sleeps');
UPDATE runtime.sync_topic_staging AS s SET armed = FALSE, settled = 5 WHERE s.topic = 'pgtap.arming';
DO $$ BEGIN PERFORM khala_internal.settle_staging('pgtap.arming', FALSE); END $$;
SELECT results_eq('TABLE mine', 'VALUES (FALSE, 6::bigint, 0::bigint, NULL::bigint)', 'nobody is promised a notification');
DO $$ BEGIN PERFORM khala.sink('pgtap.arming', 'k', 1, '{}', 'a'); END $$;
SELECT is(khala_internal.settle_staging('pgtap.arming', FALSE), 'more', 'nothing is settled while something is staged');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
