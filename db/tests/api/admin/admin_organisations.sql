BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(5);

UPDATE runtime.sync_topics SET ownership = 'mixed';
SELECT is(khala.admin_organisations('a', '{khala.admin,khala.admin.all}')::jsonb, '{"organisations": [], "complete": true}', 'none');
SELECT khala.sink(v.topic, v.doc_key, 1, '{}', v.org_id)
FROM (VALUES ('runtime.notifications', 'a', 'a'), ('runtime.run_summaries', 'a', 'a'), ('runtime.run_summaries', 'b', 'b'), ('runtime.run_summaries', 'p', NULL)) AS v (topic, doc_key, org_id);
SELECT is(
    khala.admin_organisations('a', '{khala.admin,khala.admin.all}')::jsonb,
    '{"organisations": [{"org_id": "a", "documents": 2, "documents_at_least": false}, {"org_id": "b", "documents": 1, "documents_at_least": false}], "complete": true}',
    'of all topics'
);
SELECT is(
    khala.admin_organisations('c', '{khala.admin}')::jsonb,
    '{"organisations": [{"org_id": "c", "documents": 0, "documents_at_least": false}], "complete": true}', 'that of the token'
);
SELECT khala.sink('runtime.notifications', 'n' || n, 1, '{}', 'org' || n) FROM generate_series(1, 1001) AS n;
SELECT is(
    (SELECT concat_ws(' ', json_array_length(o.found -> 'organisations'), o.found ->> 'complete') FROM khala.admin_organisations('a', '{khala.admin,khala.admin.all}') AS o (found)),
    '1000 false', 'a thousand at most'
);
SELECT throws_ok('SELECT khala.admin_organisations(''a'', ''{}'')', 'KH025', NULL, 'without the scope');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
