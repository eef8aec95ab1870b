BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(6);

CREATE TABLE public.pgtap_secret (id bigint PRIMARY KEY);
SELECT throws_ok($$SELECT khala_internal.check_attached_access('public.pgtap_secret'::regclass, FALSE)$$, 'KH008', NULL, 'a table that it may not read')
WHERE NOT has_table_privilege('khala_owner', 'public.pgtap_secret', 'SELECT')
UNION ALL
SELECT pass('khala_owner may read every table here') WHERE has_table_privilege('khala_owner', 'public.pgtap_secret', 'SELECT');
GRANT SELECT ON public.pgtap_secret TO khala_owner;
GRANT USAGE ON SCHEMA public TO khala_owner;
SELECT lives_ok($$SELECT khala_internal.check_attached_access('public.pgtap_secret'::regclass, FALSE)$$, 'and one that it may');
ALTER TABLE public.pgtap_secret ENABLE ROW LEVEL SECURITY;
CREATE FUNCTION public.pgtap_as_owner() RETURNS void LANGUAGE sql SECURITY DEFINER AS $$ SELECT khala_internal.check_attached_access('public.pgtap_secret'::regclass, FALSE) $$;
GRANT CREATE ON SCHEMA public TO khala_owner;
ALTER FUNCTION public.pgtap_as_owner() OWNER TO khala_owner;
SELECT throws_ok($$SELECT public.pgtap_as_owner()$$, 'KH008', NULL, 'row security hides rows');
CREATE POLICY khala_attach ON public.pgtap_secret FOR SELECT TO khala_owner USING (TRUE);
SELECT lives_ok($$SELECT public.pgtap_as_owner()$$, 'a policy shows them');
CREATE POLICY pgtap_some ON public.pgtap_secret AS RESTRICTIVE USING (id > 0);
SELECT throws_ok($$SELECT public.pgtap_as_owner()$$, 'KH008', NULL, 'a restrictive one hides some');
DROP POLICY pgtap_some ON public.pgtap_secret;
SELECT lives_ok($$SELECT public.pgtap_as_owner()$$, 'and no more');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
