-- Sort key of an object key in the order of RFC 8785, by UTF-16 code units. In UTF-8 that is byte order except for
-- characters beyond U+FFFF, whose surrogates sort below U+E000. Prefixing the characters that must come after them
-- with U+10FFFF, and keeping U+10FFFE and U+10FFFF themselves apart, makes byte order agree.

CREATE OR REPLACE FUNCTION khala_internal.utf16_sort_key(p_key text)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
-- The literals below contain backslashes, which a session may have made escapes.
SET standard_conforming_strings = on
AS $$
SELECT regexp_replace(
    regexp_replace(p_key, U&'([\+10FFFE\+10FFFF])', U&'\+10FFFE\\1', 'g'),
    U&'([\E000-\FFFF])', U&'\+10FFFF\\1', 'g'
);
$$;

COMMENT ON FUNCTION khala_internal.utf16_sort_key(text) IS
'Internal: a string whose order under collation "C" is the UTF-16 code unit order of the argument. Argument: an object key. Result: its sort key. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.utf16_sort_key(text) FROM public;
