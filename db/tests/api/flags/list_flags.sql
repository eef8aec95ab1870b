BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(2);

SELECT is_empty('SELECT * FROM khala.list_flags()', 'none at first');
DO $$
BEGIN
    PERFORM khala.set_flag('web', 'khala', 5, ARRAY['ann']);
    PERFORM khala.set_flag('mobile');
END
$$;
SELECT results_eq(
    'SELECT l.surface, l.lane, l.percent, l.people, l.changed_by = session_user FROM khala.list_flags() AS l',
    $$VALUES ('mobile', 'legacy', 0.00, '{}'::text[], TRUE), ('web', 'khala', 5.00, ARRAY['ann'], TRUE)$$, 'all of them, by surface'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
