BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(4);

SELECT is(khala.admin_relays('a', '{khala.admin,khala.admin.all}')::jsonb, '{"relays": []}', 'none');
SELECT khala.report_relay('one', '1.2', 5, 3, '{"runtime.notifications": 2}', 1, 1000, '{}');
SELECT khala.report_relay('two', '1.2', 3, 0, '{}', 0, 0, '{}', TRUE);
SELECT is(
    (khala.admin_relays('a', '{khala.admin,khala.admin.all}') -> 'relays' -> 0)::jsonb - '{started_at,reported_at}'::text[],
    '{"relay": "one", "version": "1.2", "stopped_at": null, "connections": 3, "subscribers": {"runtime.notifications": 2}, "behind": 1, "sent_bytes": 1000, "is_live": true}',
    'one that runs'
);
SELECT is(
    (SELECT concat_ws(' ', r.value ->> 'is_live', r.value ->> 'stopped_at' = r.value ->> 'reported_at')
    FROM json_array_elements(khala.admin_relays('a', '{khala.admin,khala.admin.all}') -> 'relays') WITH ORDINALITY AS r
    WHERE r.ordinality = 2), 'false t', 'one that stopped'
);
SELECT throws_ok('SELECT khala.admin_relays(''a'', ''{khala.admin}'')', 'KH025', NULL, 'without khala.admin.all');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
