BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(10);

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

SELECT is_empty($$SELECT * FROM khala.list_rows_set_aside('pgtap.orders')$$, 'none at first');
DO $$
BEGIN
    UPDATE public.pgtap_orders SET org_id = NULL WHERE id = 1;
    PERFORM pg_temp.settle();
    UPDATE public.pgtap_orders SET note = 'again' WHERE id = 1;
    PERFORM pg_temp.settle();
END
$$;
SELECT results_eq(
    $$SELECT l.topic, l.row_key, l.reason, l.times > 1 FROM khala.list_rows_set_aside() AS l WHERE l.topic = 'pgtap.orders'$$,
    $$VALUES ('pgtap.orders', '1', 'the organisation is null, and the topic is owned', TRUE)$$, 'a row without an organisation'
);
DO $$ BEGIN UPDATE public.pgtap_orders SET org_id = 'a' WHERE id = 1; PERFORM pg_temp.settle(); END $$;
SELECT is_empty($$SELECT * FROM khala.list_rows_set_aside('pgtap.orders')$$, 'until it is a document');
CREATE TABLE public.pgtap_long (id text PRIMARY KEY, org_id text);
DO $$
BEGIN
    PERFORM khala.attach('public.pgtap_long', '{id}', 'org_id', p_topic => 'pgtap.long');
    INSERT INTO public.pgtap_long VALUES (repeat('x', 1000), 'a'), ('', 'a');
    WHILE (SELECT s.state = 'more' FROM khala.sequence('pgtap.long') AS s) LOOP END LOOP;
END
$$;
SELECT set_eq(
    $$SELECT length(l.row_key), l.reason FROM khala.list_rows_set_aside('pgtap.long') AS l$$,
    $$VALUES (600, 'the key has more than 512 characters'), (0, 'the key is empty')$$, 'keys that cannot be'
);
DO $$
BEGIN
    DELETE FROM public.pgtap_long WHERE id = '';
    WHILE (SELECT s.state = 'more' FROM khala.sequence('pgtap.long') AS s) LOOP END LOOP;
END
$$;
SELECT is((SELECT count(*) FROM khala.list_rows_set_aside('pgtap.long')), 1::bigint, 'each until it is gone');
DO $$
BEGIN
    INSERT INTO public.pgtap_long VALUES ('', 'a');
    TRUNCATE public.pgtap_long;
    WHILE (SELECT s.state = 'more' FROM khala.sequence('pgtap.long') AS s) LOOP END LOOP;
END
$$;
SELECT is_empty($$SELECT * FROM khala.list_rows_set_aside('pgtap.long')$$, 'until the rows are gone');
SELECT throws_ok($$SELECT * FROM khala.list_rows_set_aside('pgtap.nothing')$$, 'KH007', NULL, 'an unknown topic');
SELECT throws_ok($$SELECT * FROM khala.list_rows_set_aside(p_limit => 0)$$, 'KH007', NULL, 'no limit');
SELECT ok(has_function_privilege('khala_dba', 'khala.list_rows_set_aside(text, integer)', 'EXECUTE'), 'khala_dba may');
SELECT ok(NOT has_function_privilege('khala_runtime', 'khala.list_rows_set_aside(text, integer)', 'EXECUTE'), 'khala_runtime may not');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
