BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(8);

CREATE TABLE public.pgtap_secret (id bigint PRIMARY KEY);
CREATE ROLE pgtap_readers;
GRANT CREATE, USAGE ON SCHEMA public TO khala_owner;
GRANT pgtap_readers TO khala_owner;
CREATE FUNCTION public.pgtap_hides_rows() RETURNS boolean LANGUAGE sql SECURITY DEFINER AS $$ SELECT khala_internal.hides_rows('public.pgtap_secret'::regclass) $$;
ALTER FUNCTION public.pgtap_hides_rows() OWNER TO khala_owner;

SELECT is(public.pgtap_hides_rows(), FALSE, 'no row security');
ALTER TABLE public.pgtap_secret ENABLE ROW LEVEL SECURITY;
SELECT is(public.pgtap_hides_rows(), TRUE, 'no policy');
CREATE POLICY khala_attach ON public.pgtap_secret FOR SELECT TO khala_owner USING (TRUE);
SELECT is(public.pgtap_hides_rows(), FALSE, 'one that shows every row');
CREATE POLICY pgtap_some ON public.pgtap_secret AS RESTRICTIVE USING (id > 0);
SELECT is(public.pgtap_hides_rows(), TRUE, 'a restrictive one for everybody');
ALTER POLICY pgtap_some ON public.pgtap_secret TO khala_owner;
SELECT is(public.pgtap_hides_rows(), TRUE, 'for khala_owner');
ALTER POLICY pgtap_some ON public.pgtap_secret TO pgtap_readers;
SELECT is(public.pgtap_hides_rows(), TRUE, 'for a role that it is a member of');
ALTER POLICY pgtap_some ON public.pgtap_secret TO khala_relay;
SELECT is(public.pgtap_hides_rows(), FALSE, 'for others');
ALTER POLICY khala_attach ON public.pgtap_secret TO khala_relay;
SELECT is(public.pgtap_hides_rows(), TRUE, 'a policy that is for others');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
