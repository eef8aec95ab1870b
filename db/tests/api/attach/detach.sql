BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(13);

CREATE TABLE public.pgtap_orders (id bigint PRIMARY KEY, org_id text, note text);
DO $$
BEGIN
    INSERT INTO public.pgtap_orders SELECT n, 'a', 'note ' || n FROM generate_series(1, 5) AS n;
    PERFORM khala.attach('public.pgtap_orders', '{id}', 'org_id', p_topic => 'pgtap.orders');
END
$$;
CREATE FUNCTION pg_temp.settle() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WHILE (SELECT s.state = 'more' FROM khala.sequence('pgtap.orders') AS s) LOOP END LOOP;
END
$$;

DO $$ BEGIN UPDATE public.pgtap_orders SET note = 'last' WHERE id = 1; END $$;
SELECT is(khala.detach('pgtap.orders'), 1::bigint, 'sequences what is staged');
SELECT is((SELECT d.payload ->> 'note' FROM runtime.sync_documents AS d WHERE d.topic = 'pgtap.orders' AND d.doc_key = '1'), 'last', 'so that the documents are the rows');
SELECT is((SELECT count(*) FROM pg_trigger AS t WHERE t.tgrelid = 'public.pgtap_orders'::regclass), 0::bigint, 'drops the triggers');
SELECT ok(NOT has_table_privilege('khala_owner', 'public.pgtap_orders', 'SELECT'), 'khala_owner may no longer read the table')
WHERE NOT pg_has_role('khala_owner', (SELECT c.relowner FROM pg_class AS c WHERE c.oid = 'public.pgtap_orders'::regclass), 'USAGE');
SELECT is_empty($$SELECT FROM khala.attachments AS a WHERE a.topic = 'pgtap.orders'$$, 'nothing is attached');
DO $$ BEGIN UPDATE public.pgtap_orders SET note = 'later' WHERE id = 1; END $$;
SELECT is_empty($$SELECT FROM runtime.sync_staged_writes AS w WHERE w.topic = 'pgtap.orders'$$, 'changes are no longer staged');
SELECT throws_ok($$SELECT khala.detach('pgtap.orders')$$, 'KH007', NULL, 'once');
DO $$ BEGIN PERFORM khala.attach('public.pgtap_orders', '{id}', 'org_id', p_topic => 'pgtap.orders', p_replace => TRUE); END $$;
DROP TABLE public.pgtap_orders;
SELECT is(khala.detach('pgtap.orders'), 0::bigint, 'of a table that was dropped');
CREATE TABLE public.pgtap_parts (id bigint PRIMARY KEY, org_id text) PARTITION BY RANGE (id);
CREATE TABLE public.pgtap_part PARTITION OF public.pgtap_parts FOR VALUES FROM (1) TO (9);
DO $$
BEGIN
    PERFORM khala.attach('public.pgtap_parts', '{id}', 'org_id', p_topic => 'pgtap.parts');
    ALTER TABLE public.pgtap_parts DETACH PARTITION public.pgtap_part;
    PERFORM khala.detach('pgtap.parts');
END
$$;
SELECT is_empty($$SELECT FROM pg_trigger AS t WHERE t.tgrelid = 'public.pgtap_part'::regclass$$, 'a detached partition has no trigger either');
SELECT ok(has_function_privilege('khala_dba', 'khala.detach(text)', 'EXECUTE'), 'khala_dba may detach');

CREATE SCHEMA pgtap_shop;
CREATE TABLE pgtap_shop.a (id bigint PRIMARY KEY, org text);
CREATE TABLE pgtap_shop.b (id bigint PRIMARY KEY, org text);
DO $$
BEGIN
    PERFORM khala.attach('pgtap_shop.a', p_org => 'org'), khala.attach('pgtap_shop.b', p_org => 'org');
    PERFORM khala.detach('pgtap_shop.a');
END
$$;
SELECT ok(has_schema_privilege('khala_owner', 'pgtap_shop', 'USAGE'), 'khala_owner may use a schema while it has an attached table');
DO $$ BEGIN PERFORM khala.detach('pgtap_shop.b'); END $$;
SELECT ok(NOT has_schema_privilege('khala_owner', 'pgtap_shop', 'USAGE'), 'and no longer');
CREATE SCHEMA pgtap_own AUTHORIZATION khala_owner;
CREATE TABLE pgtap_own.a (id bigint PRIMARY KEY, org text);
ALTER TABLE pgtap_own.a OWNER TO khala_owner;
DO $$ BEGIN PERFORM khala.attach('pgtap_own.a', p_org => 'org'); PERFORM khala.detach('pgtap_own.a'); END $$;
SELECT ok(has_table_privilege('khala_owner', 'pgtap_own.a', 'SELECT'), 'a table of its own it may read as before');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
