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

SELECT is(khala_internal.continue_backfill('pgtap.orders', 3), 3, 'the first rows');
SELECT results_eq(
    $$SELECT a.backfill_after COLLATE "default", a.backfilled_rows, a.is_backfilled FROM runtime.attachments AS a WHERE a.topic = 'pgtap.orders'$$,
    $$VALUES ('3', 3::bigint, FALSE)$$, 'and how far it has come'
);
SELECT is(khala_internal.continue_backfill('pgtap.orders', 3), 2, 'the rest');
DO $$
BEGIN
    ALTER TABLE public.pgtap_orders DISABLE TRIGGER khala_delete;
    DELETE FROM public.pgtap_orders WHERE id = 2;
END
$$;
SELECT is(khala_internal.continue_backfill('pgtap.orders', 10), 5, 'then the documents');
SELECT is((SELECT d.deleted FROM runtime.sync_documents AS d WHERE d.topic = 'pgtap.orders' AND d.doc_key = '2'), TRUE, 'one has no row any more');
SELECT ok((SELECT a.is_backfilled AND a.sweep_after IS NULL FROM runtime.attachments AS a WHERE a.topic = 'pgtap.orders'), 'and that was all');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
