BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(3);

CREATE DOMAIN public.pgtap_inner AS bigint CHECK (value > 0);
CREATE DOMAIN public.pgtap_outer AS public.pgtap_inner;
SELECT is(khala_internal.base_type('public.pgtap_outer'::regtype), 'bigint'::regtype::oid, 'below two domains');
SELECT is(khala_internal.base_type('text'::regtype), 'text'::regtype::oid, 'no domain');
SELECT is(khala_internal.base_type(0), NULL, 'no type');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
