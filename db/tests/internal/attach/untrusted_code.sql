BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(12);

CREATE ROLE pgtap_maker;
GRANT pgtap_maker TO current_user;
GRANT CREATE ON SCHEMA public TO pgtap_maker;
CREATE TABLE public.pgtap_rows (id bigint PRIMARY KEY, word text);
CREATE FUNCTION public.pgtap_own(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN TRUE; END $$;
CREATE FUNCTION public.pgtap_code(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN TRUE; END $$;
ALTER FUNCTION public.pgtap_code(text) OWNER TO pgtap_maker;
CREATE FUNCTION pg_temp.code() RETURNS text LANGUAGE sql AS $$ SELECT khala_internal.untrusted_code('public.pgtap_rows'::regclass) $$;

CREATE INDEX pgtap_trusted ON public.pgtap_rows (lower(word)) WHERE public.pgtap_own('x');
ALTER TABLE public.pgtap_rows ADD CONSTRAINT pgtap_check CHECK (public.pgtap_code(word));
SELECT is(pg_temp.code(), NULL, 'functions of a superuser, and checks of columns');
CREATE INDEX pgtap_partial ON public.pgtap_rows (id) WHERE public.pgtap_code('x');
SELECT is(pg_temp.code(), 'index public.pgtap_partial calls public.pgtap_code(text) of pgtap_maker', 'the condition of an index');
DROP INDEX public.pgtap_partial;
CREATE INDEX pgtap_expression ON public.pgtap_rows (public.pgtap_code(word));
SELECT alike(pg_temp.code(), 'index public.pgtap_expression calls %', 'the expression of an index');
DROP INDEX public.pgtap_expression;
CREATE STATISTICS public.pgtap_statistics ON public.pgtap_code(word) FROM public.pgtap_rows;
SELECT alike(pg_temp.code(), 'statistics pgtap_statistics calls %', 'statistics');
DROP STATISTICS public.pgtap_statistics;
CREATE POLICY pgtap_policy ON public.pgtap_rows USING (public.pgtap_code('x'));
SELECT alike(pg_temp.code(), 'policy pgtap_policy calls %', 'a policy');
ALTER FUNCTION public.pgtap_code(text) STABLE;
SELECT is(pg_temp.code(), NULL, 'which is not planned with a stable function');
ALTER FUNCTION public.pgtap_code(text) IMMUTABLE;
DROP POLICY pgtap_policy ON public.pgtap_rows;
DO $$
BEGIN
    EXECUTE 'CREATE OPERATOR public.<<<< (FUNCTION = public.pgtap_code, RIGHTARG = text)';
    EXECUTE 'CREATE INDEX pgtap_operator ON public.pgtap_rows (id) WHERE (OPERATOR(public.<<<<) ''x''::text)';
    EXECUTE 'CREATE TABLE public.pgtap_parts (id bigint, word text) PARTITION BY RANGE ((public.pgtap_code(word)))';
END
$$;
SELECT alike(pg_temp.code(), 'index public.pgtap_operator calls %', 'an operator');
DROP INDEX public.pgtap_operator;
SELECT alike(khala_internal.untrusted_code('public.pgtap_parts'::regclass), 'the key of the partitions of public.pgtap_parts calls %', 'the key of partitions');

CREATE TYPE public.pgtap_mood AS ENUM ('ok');
CREATE FUNCTION public.pgtap_to_mood(text) RETURNS public.pgtap_mood LANGUAGE sql AS $$ SELECT 'ok'::public.pgtap_mood $$;
ALTER FUNCTION public.pgtap_to_mood(text) OWNER TO pgtap_maker;
CREATE CAST (text AS public.pgtap_mood) WITH FUNCTION public.pgtap_to_mood(text);
ALTER TABLE public.pgtap_rows ADD moods public.pgtap_mood[];
SELECT alike(pg_temp.code(), 'the cast from text to public.pgtap_mood calls %', 'a cast of an element');
ALTER TABLE public.pgtap_rows DROP moods;
CREATE DOMAIN public.pgtap_word AS text CHECK (public.pgtap_code(value));
ALTER TABLE public.pgtap_rows ADD top public.pgtap_word;
SELECT is(pg_temp.code(), NULL, 'a domain of a column');
ALTER TABLE public.pgtap_rows ADD words public.pgtap_word[];
SELECT alike(pg_temp.code(), 'domain public.pgtap_word calls %', 'a domain within an array');
SELECT is(khala_internal.untrusted_code(0), NULL, 'nothing of no table');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
