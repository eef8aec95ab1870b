-- A JSON number as RFC 8785 prints it. The server's own output is right for nearly all numbers: whole ones below
-- 10^15, and decimals of up to 15 characters, unless they end in zeros or are so small that ECMAScript uses an
-- exponent. Bound at creation and without a SET clause, so it is inlined.

CREATE OR REPLACE FUNCTION khala_internal.number_text(p_number numeric)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN scale(p_number) = 0 AND abs(p_number) < 1000000000000000 THEN p_number::text
    WHEN length(p_number::text) <= 15 AND right(p_number::text, 1) <> '0' AND strpos(p_number::text, '0.00000') = 0
        THEN p_number::text
    ELSE khala_internal.canonical_number(p_number)
END;

COMMENT ON FUNCTION khala_internal.number_text(numeric) IS
'Internal: a JSON number in RFC 8785 form. Argument: the number. Result: its digits. Errors: KH005 as khala_internal.canonical_number.';
REVOKE ALL ON FUNCTION khala_internal.number_text(numeric) FROM public;
