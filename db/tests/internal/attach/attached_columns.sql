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

CREATE FUNCTION pg_temp.columns() RETURNS TABLE (recorded text, name text, key_place integer, is_org boolean, is_carried boolean) LANGUAGE sql AS $$
SELECT c.recorded_name, c.name, c.key_place, c.is_org, c.is_carried FROM khala_internal.attached_columns((SELECT a FROM runtime.attachments AS a WHERE a.topic = 'pgtap.orders')) AS c
$$;
SELECT set_eq(
    $$SELECT * FROM pg_temp.columns()$$,
    $$VALUES ('id', 'id', 1, FALSE, TRUE), ('org_id', 'org_id', NULL, TRUE, TRUE), ('note', 'note', NULL, FALSE, TRUE)$$, 'as it was attached'
);
ALTER TABLE public.pgtap_orders RENAME COLUMN id TO order_id;
ALTER TABLE public.pgtap_orders DROP COLUMN note;
ALTER TABLE public.pgtap_orders ADD extra integer;
SELECT set_eq(
    $$SELECT * FROM pg_temp.columns()$$,
    $$VALUES ('id', 'order_id', 1, FALSE, TRUE), ('org_id', 'org_id', NULL, TRUE, TRUE), ('note', NULL, NULL, FALSE, FALSE), (NULL, 'extra', NULL, FALSE, TRUE)$$,
    'renamed, dropped and added columns'
);
ALTER TABLE public.pgtap_orders ADD id text;
SELECT is((SELECT c.name FROM pg_temp.columns() AS c WHERE c.key_place = 1), 'id', 'a column of the recorded name goes first');
UPDATE runtime.attachments SET columns = '{org_id}' WHERE topic = 'pgtap.orders';
SELECT set_eq($$SELECT c.name FROM pg_temp.columns() AS c WHERE c.is_carried$$, ARRAY['org_id'], 'of named columns only those are in documents');
DROP TABLE public.pgtap_orders;
SELECT is_empty($$SELECT * FROM pg_temp.columns() AS c WHERE c.name IS NOT NULL$$, 'none of a dropped table');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
