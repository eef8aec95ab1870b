BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(5);

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

SELECT results_eq(
    $$SELECT a.table_name COLLATE "default", a.key_columns, a.state, a.backfilled_rows, a.drift FROM khala.attachments AS a WHERE a.topic = 'pgtap.orders'$$,
    $$VALUES ('public.pgtap_orders', '{id}'::text[], 'reading rows', 0::bigint, '{}'::text[])$$, 'a table whose rows are still to be read'
);
DO $$ BEGIN PERFORM pg_temp.settle(); END $$;
SELECT results_eq(
    $$SELECT a.state, a.backfilled_rows, a.set_aside FROM khala.attachments AS a WHERE a.topic = 'pgtap.orders'$$,
    $$VALUES ('live', 5::bigint, 0::bigint)$$, 'and then is live'
);
ALTER TABLE public.pgtap_orders ADD extra integer;
SELECT is((SELECT a.drift FROM khala.attachments AS a WHERE a.topic = 'pgtap.orders'), '{column extra was added}', 'what has changed is said');
DROP TABLE public.pgtap_orders;
SELECT is((SELECT a.state FROM khala.attachments AS a WHERE a.topic = 'pgtap.orders'), 'dropped', 'and that the table was dropped');
SELECT ok(has_table_privilege('khala_dba', 'khala.attachments', 'SELECT'), 'khala_dba may read it');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
