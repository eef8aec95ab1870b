-- Sort key of an object key in the order of RFC 8785, by UTF-16 code units. In UTF-8 that is byte order except for
-- characters beyond U+FFFF, whose surrogates sort below U+E000. Prefixing the characters that must come after them
-- with U+10FFFF, and keeping U+10FFFE and U+10FFFF themselves apart, makes byte order agree.

CREATE OR REPLACE FUNCTION khala_internal.utf16_sort_key(p_key text)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT regexp_replace(
    regexp_replace(p_key, E'([\U0010FFFE\U0010FFFF])', E'\U0010FFFE\\1', 'g'),
    E'([\uE000-\uFFFF])', E'\U0010FFFF\\1', 'g'
);
$$;

COMMENT ON FUNCTION khala_internal.utf16_sort_key(text) IS
'Internal: a string whose order under collation "C" is the UTF-16 code unit order of the argument. Argument: an object key. Result: its sort key. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.utf16_sort_key(text) FROM public;
