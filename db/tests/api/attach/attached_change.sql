BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(12);

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

DO $$ BEGIN PERFORM pg_temp.settle(); END $$;
CREATE FUNCTION pg_temp.staged() RETURNS SETOF text LANGUAGE sql AS $$
WITH taken AS (DELETE FROM runtime.sync_staged_writes AS w WHERE w.topic = 'pgtap.orders' RETURNING w.doc_key, w.deleted)
SELECT t.doc_key || CASE WHEN t.deleted THEN ' all' ELSE '' END FROM taken AS t
$$;
DO $$ BEGIN INSERT INTO public.pgtap_orders VALUES (7, 'a', ''), (8, 'a', ''); END $$;
SELECT set_eq($$SELECT pg_temp.staged()$$, ARRAY['7', '8'], 'INSERT stages new keys');
DO $$ BEGIN UPDATE public.pgtap_orders SET id = 9 WHERE id = 8; END $$;
SELECT set_eq($$SELECT pg_temp.staged()$$, ARRAY['8', '9'], 'UPDATE old and new ones');
DO $$ BEGIN UPDATE public.pgtap_orders SET note = 'x' WHERE id > 6; END $$;
SELECT set_eq($$SELECT pg_temp.staged()$$, ARRAY['7', '9'], 'each once');
DO $$ BEGIN DELETE FROM public.pgtap_orders WHERE id > 6; DELETE FROM public.pgtap_orders WHERE id > 6; END $$;
SELECT set_eq($$SELECT pg_temp.staged()$$, ARRAY['7', '9'], 'DELETE old ones');
DO $$ BEGIN TRUNCATE public.pgtap_orders; END $$;
SELECT set_eq($$SELECT pg_temp.staged()$$, ARRAY[' all'], 'TRUNCATE everything');
DO $$ BEGIN INSERT INTO public.pgtap_orders SELECT n, 'a', '' FROM generate_series(1001, 31001) AS n; END $$;
SELECT is((SELECT count(DISTINCT s) FROM pg_temp.staged() AS s), 30001::bigint, 'a statement of many rows');
DO $$ BEGIN UPDATE public.pgtap_orders SET id = id + 100001; END $$;
SELECT is((SELECT count(DISTINCT s) FROM pg_temp.staged() AS s), 60002::bigint, 'or one that changes many keys');
DO $$ BEGIN DELETE FROM public.pgtap_orders; PERFORM pg_temp.staged(); END $$;

CREATE TYPE public.pgtap_kind AS ENUM ('10');
CREATE FUNCTION public.pgtap_text(kind public.pgtap_kind) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'called by %', current_user;
END
$$;
CREATE CAST (public.pgtap_kind AS text) WITH FUNCTION public.pgtap_text(public.pgtap_kind);
CREATE TABLE public.pgtap_kinds (id bigint PRIMARY KEY, org_id text);
DO $$ BEGIN PERFORM khala.attach('public.pgtap_kinds', '{id}', 'org_id', p_topic => 'pgtap.kinds'); END $$;
ALTER TABLE public.pgtap_kinds ALTER COLUMN id TYPE public.pgtap_kind USING '10';
SELECT lives_ok($$INSERT INTO public.pgtap_kinds VALUES ('10', 'a')$$, 'a cast of the owner is not called');

ALTER TABLE public.pgtap_orders RENAME COLUMN id TO order_id;
DO $$ BEGIN INSERT INTO public.pgtap_orders VALUES (10, 'a', ''); END $$;
SELECT set_eq($$SELECT pg_temp.staged()$$, ARRAY['10'], 'a renamed key column is found');
ALTER TABLE public.pgtap_orders RENAME TO pgtap_renamed;
ALTER TABLE public.pgtap_renamed DROP COLUMN order_id;
SELECT lives_ok($$INSERT INTO public.pgtap_renamed VALUES ('a', '')$$, 'without a key column a write succeeds');
SELECT is_empty($$SELECT pg_temp.staged()$$, 'and stages nothing');
SELECT throws_ok($$SELECT khala.attached_change()$$, '0A000', NULL, 'it is called by triggers only');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
