BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(3);

SELECT is(khala.admin_flags('a', '{khala.admin,khala.admin.all}')::jsonb, '{"flags": []}', 'none');
SELECT khala.set_flag('web', 'khala', 5, ARRAY['ann']);
SELECT is(
    (khala.admin_flags('a', '{khala.admin,khala.admin.all}') -> 'flags' -> 0)::jsonb - '{changed_at,changed_by}'::text[],
    '{"surface": "web", "lane": "khala", "percent": 5.00, "people": ["ann"]}', 'a flag'
);
SELECT throws_ok('SELECT khala.admin_flags(''a'', ''{khala.admin}'')', 'KH025', NULL, 'without khala.admin.all');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
