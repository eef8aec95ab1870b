BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(4);

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

SELECT is(khala.remove_attachment('pgtap.orders'), 0::bigint, 'forgets an attachment, whatever was left to read');
SELECT is_empty($$SELECT FROM runtime.attachments AS a WHERE a.topic = 'pgtap.orders'$$, 'it is gone');
SELECT lives_ok($$UPDATE public.pgtap_orders SET note = 'later'$$, 'triggers that are left do nothing');
SELECT throws_ok($$SELECT khala.remove_attachment('pgtap.orders')$$, 'KH007', NULL, 'an unknown one');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
