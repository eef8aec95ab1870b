BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(12);

SELECT is(khala.flags_of('ann'), '{"flags": {}}', 'no flag, no surface');
DO $$ BEGIN PERFORM khala.set_flag('web', 'khala'), khala.set_flag('mobile', 'khala', 100); END $$;
SELECT is(khala.flags_of('ann'), '{"flags": {"web": "legacy", "mobile": "khala"}}', 'a share of nobody, and one of everybody');

-- The cohort of ann is 9509.
DO $$ BEGIN PERFORM khala.set_flag('web', p_percent => 95.09); END $$;
SELECT is(khala.flags_of('ann') #>> '{flags,web}', 'legacy', 'the share ends right below the cohort');
DO $$ BEGIN PERFORM khala.set_flag('web', p_percent => 95.10); END $$;
SELECT is(khala.flags_of('ann') #>> '{flags,web}', 'khala', 'and includes it with the next hundredth');

DO $$ BEGIN PERFORM khala.set_flag('web', p_percent => 0, p_people => ARRAY['ann', 'é']); END $$;
SELECT is(khala.flags_of(v.subject) #>> '{flags,web}', v.lane, 'people named: ' || v.subject)
FROM (VALUES ('ann', 'khala'), ('é', 'khala'), ('Ann', 'legacy'), ('bob', 'legacy')) AS v (subject, lane);
DO $$ BEGIN PERFORM khala.set_flag('web', 'legacy', 100); END $$;
SELECT is(khala.flags_of('ann') #>> '{flags,web}', 'legacy', 'the lane legacy is for everybody, those named included');

DO $$ BEGIN PERFORM khala.set_flag('web', 'khala', 5, '{}'); END $$;
CREATE TEMP TABLE early AS
SELECT n FROM generate_series(1, 2000) AS n WHERE khala.flags_of('user-' || n) #>> '{flags,web}' = 'khala';
DO $$ BEGIN PERFORM khala.set_flag('web', p_percent => 25); END $$;
SELECT ok(
    count(*) BETWEEN 60 AND 140 AND bool_and(khala.flags_of('user-' || e.n) #>> '{flags,web}' = 'khala'),
    'a larger share keeps those of the smaller one'
)
FROM early AS e;

SELECT throws_ok('SELECT khala.flags_of(NULL)', 'KH007', NULL, 'nobody');
SELECT throws_ok($$SELECT khala.flags_of('')$$, 'KH007', NULL, 'an empty subject');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
