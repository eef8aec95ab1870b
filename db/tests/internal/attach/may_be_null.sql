BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(4);

CREATE TABLE public.pgtap_columns (a integer PRIMARY KEY, b integer);
SELECT is(khala_internal.may_be_null('public.pgtap_columns'::regclass, 1::smallint), FALSE, 'a key');
SELECT is(khala_internal.may_be_null('public.pgtap_columns'::regclass, 2::smallint), TRUE, 'a column without a constraint');
SELECT is(khala_internal.may_be_null('public.pgtap_columns'::regclass, 3::smallint), NULL, 'no column');
DO $$
BEGIN
    IF current_setting('server_version_num')::integer >= 180000 THEN
        EXECUTE 'ALTER TABLE public.pgtap_columns ADD CONSTRAINT pgtap_b NOT NULL b NOT VALID';
    END IF;
END
$$;
SELECT is(khala_internal.may_be_null('public.pgtap_columns'::regclass, 2::smallint), TRUE, 'nor with one that is not valid');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
