BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(7);

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

SELECT is((SELECT s.key_sql FROM khala_internal.attached_statements((SELECT a FROM runtime.attachments AS a WHERE a.topic = 'pgtap.orders')) AS s), $$format('%s', x.id)$$, 'one column is the key as it is');
SELECT matches((SELECT s.read_sql FROM khala_internal.attached_statements((SELECT a FROM runtime.attachments AS a WHERE a.topic = 'pgtap.orders')) AS s), 'FROM ONLY public.pgtap_orders AS x', 'the table is named with its schema');
ALTER TABLE public.pgtap_orders RENAME TO "Pgtap_odd";
SELECT matches((SELECT s.read_sql FROM khala_internal.attached_statements((SELECT a FROM runtime.attachments AS a WHERE a.topic = 'pgtap.orders')) AS s), 'public."Pgtap_odd" AS x', 'and quoted');
CREATE TABLE public.pgtap_two (a text, b integer, PRIMARY KEY (b, a));
DO $$ BEGIN PERFORM khala.attach('public.pgtap_two', '{a,b}', p_topic => 'pgtap.two', p_ownership => 'public'); END $$;
SELECT is(
    (SELECT s.key_sql FROM khala_internal.attached_statements((SELECT a FROM runtime.attachments AS a WHERE a.topic = 'pgtap.two')) AS s),
    $$replace(replace(format('%s', x.a), '~', '~0'), '/', '~1') || '/' || replace(replace(format('%s', x.b), '~', '~0'), '/', '~1')$$, 'several are joined'
);
SELECT matches(
    (SELECT s.next_keys_sql FROM khala_internal.attached_statements((SELECT a FROM runtime.attachments AS a WHERE a.topic = 'pgtap.two')) AS s),
    'ROW[(]x[.]b, x[.]a[)] OPERATOR[(]pg_catalog[.]>[)]', 'and read in the order of the index'
);
ALTER TABLE public."Pgtap_odd" DROP COLUMN id;
SELECT ok((SELECT s.read_sql IS NULL AND s.key_sql IS NULL FROM khala_internal.attached_statements((SELECT a FROM runtime.attachments AS a WHERE a.topic = 'pgtap.orders')) AS s), 'nothing without the key');
DROP TABLE public."Pgtap_odd";
SELECT ok((SELECT s.read_sql IS NULL FROM khala_internal.attached_statements((SELECT a FROM runtime.attachments AS a WHERE a.topic = 'pgtap.orders')) AS s), 'nor without the table');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
