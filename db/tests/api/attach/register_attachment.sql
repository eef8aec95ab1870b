BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(9);

CREATE TABLE public.pgtap_orders (id bigint PRIMARY KEY, org_id text);
GRANT SELECT ON public.pgtap_orders TO khala_owner;
GRANT USAGE ON SCHEMA public TO khala_owner;
SELECT is(
    khala.register_attachment('public.pgtap_orders', '{id}', 'org_id', NULL, 'pgtap.orders', NULL, FALSE), 'pgtap.orders', 'registers a table'
);
SELECT results_eq(
    $$SELECT a.key_columns, a.org_column, a.is_backfilled, a.sweep_after COLLATE "default" FROM runtime.attachments AS a WHERE a.topic = 'pgtap.orders'$$,
    $$VALUES ('{id}'::text[], 'org_id', FALSE, '')$$, 'with everything left to do'
);
SELECT is((SELECT count(*) FROM pg_trigger AS t WHERE t.tgrelid = 'public.pgtap_orders'::regclass), 0::bigint, 'and makes no trigger');
SELECT throws_ok($$SELECT khala.register_attachment('public.pgtap_orders', '{id}', 'org_id', NULL, 'pgtap.orders', 'public', FALSE)$$, 'KH008', NULL, 'another ownership');
SELECT throws_ok($$SELECT khala.register_attachment('public.pgtap_orders', '{id}', 'org_id', NULL, 'runtime.run_summaries', NULL, FALSE)$$, 'KH008', NULL, 'attached to another topic');
CREATE TABLE public.pgtap_other (id bigint PRIMARY KEY, org_id text);
SELECT throws_ok($$SELECT khala.register_attachment('public.pgtap_other', '{id}', 'org_id', NULL, 'pgtap.other', NULL, FALSE)$$, 'KH008', NULL, 'a table that khala_owner may not read');
GRANT SELECT ON public.pgtap_other TO khala_owner;
SELECT throws_ok($$SELECT khala.register_attachment('public.pgtap_other', '{id}', 'org_id', NULL, 'runtime.run_summaries', NULL, FALSE)$$, 'KH008', NULL, 'a topic of Khala');
DO $$ BEGIN PERFORM khala.register_topic('pgtap.other'); PERFORM khala.sink('pgtap.other', 'k', 1, '{}', 'a'); END $$;
SELECT throws_ok($$SELECT khala.register_attachment('public.pgtap_other', '{id}', 'org_id', NULL, 'pgtap.other', NULL, FALSE)$$, 'KH008', NULL, 'a topic with documents');
SELECT is(khala.register_attachment('public.pgtap_other', '{id}', 'org_id', NULL, 'pgtap.other', NULL, TRUE), 'pgtap.other', 'unless they may go');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
