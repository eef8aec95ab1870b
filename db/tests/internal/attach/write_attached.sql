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

DO $$ BEGIN PERFORM pg_temp.settle(); END $$;
CREATE FUNCTION pg_temp.write(p_key text, p_found boolean, p_org text, p_payload jsonb, p_reason text DEFAULT NULL) RETURNS integer LANGUAGE sql AS $$
SELECT khala_internal.write_attached('pgtap.orders', ARRAY[p_key], ARRAY[p_found], ARRAY[p_org], ARRAY[p_payload], p_reason, NULL)
$$;
SELECT is(pg_temp.write('1', TRUE, 'a', '{"id": 1, "note": "note 1", "org_id": "a"}'), 0, 'what is stored is not written');
SELECT is(pg_temp.write('1', TRUE, 'b', '{"id": 1, "note": "note 1", "org_id": "a"}'), 1, 'another organisation is');
SELECT is(pg_temp.write('none', FALSE, NULL, NULL), 0, 'nor is a tombstone of nothing');
SELECT is(pg_temp.write('1', TRUE, NULL, '{}'), 1, 'a row that cannot be a document has a tombstone');
SELECT is(pg_temp.write('2', TRUE, 'a', NULL) + pg_temp.write('3', TRUE, 'a', NULL, 'a reason'), 2, 'so has one that is too large, and one that cannot be read');
SELECT results_eq(
    $$SELECT a.row_key COLLATE "default", a.reason FROM runtime.attachment_set_aside AS a WHERE a.topic = 'pgtap.orders' ORDER BY 1$$,
    $$VALUES ('1', 'the organisation is null, and the topic is owned'), ('2', 'the row is larger than 16 MiB'), ('3', 'a reason')$$, 'and is set aside'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
