BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(7);

CREATE TABLE public.pgtap_keys (a integer, b text, c integer UNIQUE DEFERRABLE, d integer, PRIMARY KEY (b, a));
CREATE UNIQUE INDEX pgtap_partial ON public.pgtap_keys (d) WHERE d > 0;
SELECT results_eq(
    $$SELECT k.column_number, k.place, k.schema_name, k.less, k.equal, k.greater FROM khala_internal.key_index('public.pgtap_keys'::regclass, '{1,2}') AS k ORDER BY 2$$,
    $$VALUES (2::smallint, 0, 'pg_catalog', '<', '=', '>'), (1::smallint, 1, 'pg_catalog', '<', '=', '>')$$, 'columns in the order of the index'
);
SELECT is_empty($$SELECT * FROM khala_internal.key_index('public.pgtap_keys'::regclass, '{1}')$$, 'not for a part of the key');
SELECT is_empty($$SELECT * FROM khala_internal.key_index('public.pgtap_keys'::regclass, '{3}')$$, 'nor a deferrable one');
SELECT is_empty($$SELECT * FROM khala_internal.key_index('public.pgtap_keys'::regclass, '{4}')$$, 'nor a partial one');
CREATE TABLE public.pgtap_names (a text NOT NULL, b text COLLATE "C" NOT NULL);
CREATE UNIQUE INDEX pgtap_other ON public.pgtap_names (a COLLATE "C");
CREATE UNIQUE INDEX pgtap_same ON public.pgtap_names (b) INCLUDE (a);
SELECT is_empty($$SELECT * FROM khala_internal.key_index('public.pgtap_names'::regclass, '{1}')$$, 'nor one in another collation');
SELECT isnt_empty($$SELECT * FROM khala_internal.key_index('public.pgtap_names'::regclass, '{2}')$$, 'but in that of its column');
SELECT is_empty($$SELECT * FROM khala_internal.key_index(0, '{1}')$$, 'nor of a table that is not there');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
