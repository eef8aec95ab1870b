BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(17);

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

SELECT is(khala.attachment_drift('pgtap.orders'), '{}', 'none at first');
ALTER TABLE public.pgtap_orders ALTER COLUMN note TYPE varchar(50);
SELECT is(khala.attachment_drift('pgtap.orders'), '{column note changed its type from text to character varying(50)}', 'a type');
ALTER TABLE public.pgtap_orders DROP COLUMN note;
ALTER TABLE public.pgtap_orders RENAME COLUMN org_id TO org;
ALTER TABLE public.pgtap_orders ADD extra integer;
SELECT is(
    khala.attachment_drift('pgtap.orders'),
    '{column extra was added,column note was dropped,column org_id was renamed to org}', 'columns'
);
CREATE TABLE public.pgtap_heir () INHERITS (public.pgtap_orders);
SELECT ok(ARRAY['table public.pgtap_heir inherits from it: its rows have no documents'] <@ khala.attachment_drift('pgtap.orders'), 'an heir');
DROP TABLE public.pgtap_heir;
ALTER TABLE public.pgtap_orders DISABLE TRIGGER khala_update;
SELECT ok(ARRAY['trigger khala_update is missing or disabled'] <@ khala.attachment_drift('pgtap.orders'), 'a trigger');
ALTER TABLE public.pgtap_orders DROP COLUMN id;
SELECT ok(
    '{the unique index of the key is gone,key column id was dropped: changes are no longer followed}' <@ khala.attachment_drift('pgtap.orders'), 'the key'
);
DROP TABLE public.pgtap_orders;
SELECT is((khala.attachment_drift('pgtap.orders'))[1], 'the table was dropped', 'the table');
CREATE TABLE public.pgtap_parts (id integer PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE public.pgtap_low PARTITION OF public.pgtap_parts FOR VALUES FROM (0) TO (9);
DO $$ BEGIN PERFORM khala.attach('public.pgtap_parts', '{id}', p_topic => 'pgtap.parts', p_ownership => 'public'); END $$;
SELECT is(khala.attachment_drift('pgtap.parts'), '{}', 'none of partitions at first');
ALTER TABLE public.pgtap_low DISABLE TRIGGER khala_truncate;
SELECT is(
    khala.attachment_drift('pgtap.parts'), '{trigger khala_truncate of partition public.pgtap_low is missing or disabled}', 'a trigger of a partition'
);
ALTER TABLE public.pgtap_parts DISABLE TRIGGER USER;
ALTER TABLE public.pgtap_parts ENABLE TRIGGER USER;
SELECT set_eq(
    $$SELECT split_part(d.drift, ':', 1) FROM unnest(khala.attachment_drift('pgtap.parts')) AS d (drift)$$,
    $$VALUES ('trigger khala_row is not enabled as khala attach does it'), ('trigger khala_row of partition public.pgtap_low is not enabled as khala attach does it'),
      ('trigger khala_truncate is not enabled as khala attach does it'), ('trigger khala_truncate of partition public.pgtap_low is missing or disabled')$$,
    'triggers that were disabled and enabled again'
);
DO $$ BEGIN PERFORM khala.attach('public.pgtap_parts', '{id}', p_topic => 'pgtap.parts', p_ownership => 'public'); END $$;
SELECT is(khala.attachment_drift('pgtap.parts'), '{}', 'until it is attached again');
DO $$ BEGIN ALTER TABLE public.pgtap_parts DETACH PARTITION public.pgtap_low; END $$;
SELECT is(khala.attachment_drift('pgtap.parts'), '{1 partitions are gone: documents of their rows are still there}', 'a partition that is gone');
CREATE TABLE public.pgtap_high PARTITION OF public.pgtap_parts FOR VALUES FROM (9) TO (99);
SELECT alike((khala.attachment_drift('pgtap.parts'))[1], 'partition public.pgtap_high came later%a TRUNCATE that names it is missed', 'and one that came');
CREATE TABLE public.pgtap_secret (id integer PRIMARY KEY);
ALTER TABLE public.pgtap_secret ENABLE ROW LEVEL SECURITY;
DO $$ BEGIN PERFORM khala.attach('public.pgtap_secret', p_ownership => 'public'); END $$;
SELECT is(khala.attachment_drift('public.pgtap_secret'), '{}', 'none of row security at first');
CREATE POLICY pgtap_some ON public.pgtap_secret AS RESTRICTIVE TO khala_owner USING (id > 0);
SELECT alike((khala.attachment_drift('public.pgtap_secret'))[1], 'row security hides rows%', 'a policy that hides rows from khala_owner');
CREATE TABLE public.pgtap_unique (id integer NOT NULL UNIQUE);
DO $$ BEGIN PERFORM khala.attach('public.pgtap_unique', '{id}', p_ownership => 'public'); END $$;
ALTER TABLE public.pgtap_unique ALTER COLUMN id DROP NOT NULL;
SELECT is(khala.attachment_drift('public.pgtap_unique'), '{key column id may be null: rows without it have no documents}', 'a key that may be null');
SELECT is(khala.attachment_drift('pgtap.nothing'), '{}', 'nothing of no attachment');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
