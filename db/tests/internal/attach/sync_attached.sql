BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(6);

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

SELECT is(khala_internal.sync_attached((SELECT a FROM runtime.attachments AS a WHERE a.topic = 'pgtap.orders'), '{1,2,2,77,no number}'), 2, 'rows that are there, each once');
SELECT set_eq($$SELECT d.doc_key FROM runtime.sync_documents AS d WHERE d.topic = 'pgtap.orders'$$, '{1,2}'::text[] COLLATE "C", 'are documents');
SELECT is(khala_internal.sync_attached((SELECT a FROM runtime.attachments AS a WHERE a.topic = 'pgtap.orders'), '{1,2}'), 0, 'once');
SELECT is(khala_internal.sync_attached((SELECT a FROM runtime.attachments AS a WHERE a.topic = 'pgtap.orders'), '{}'), 0, 'nothing of no key');
DO $$
BEGIN
    UPDATE public.pgtap_orders SET note = repeat('x', 17000000) WHERE id = 3;
    PERFORM khala_internal.sync_attached(a, '{3,4}') FROM runtime.attachments AS a WHERE a.topic = 'pgtap.orders';
END
$$;
SELECT results_eq(
    $$SELECT a.row_key COLLATE "default", a.reason FROM runtime.attachment_set_aside AS a WHERE a.topic = 'pgtap.orders'$$,
    $$VALUES ('3', 'the row is larger than 16 MiB')$$, 'a large row is set aside by itself'
);
DROP TABLE public.pgtap_orders;
SELECT is(khala_internal.sync_attached((SELECT a FROM runtime.attachments AS a WHERE a.topic = 'pgtap.orders'), '{1}'), 0, 'nothing of a dropped table');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
