BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(3);

SELECT is((SELECT khala_internal.lightning_page('all', ARRAY['{"t": 1, "i": "a"}', '{"t": 2, "i": "b"}']::jsonb[], 1, 't', 'i')), '{"all": [{"t": 1, "i": "a"}], "nextCursor": "1:a"}'::jsonb, 'there is more');
SELECT is((SELECT khala_internal.lightning_page('all', ARRAY['{"t": 1, "i": "a"}', '{"t": 2, "i": "b"}']::jsonb[], 2, 't', 'i') ? 'nextCursor'), FALSE, 'there is no more');
SELECT is((SELECT khala_internal.lightning_page('all', '{}', 2, 't', 'i')), '{"all": []}'::jsonb, 'nothing');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
