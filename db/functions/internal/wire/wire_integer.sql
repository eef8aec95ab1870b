-- A watermark or version as JSON: a number up to 2^53 - 1, which every client represents exactly, a string above. The
-- body is bound at creation, so no search path affects it, and without a SET clause, so it is inlined into the
-- queries that build pages.

CREATE OR REPLACE FUNCTION khala_internal.wire_integer(p_value bigint)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN p_value > 9007199254740991 THEN '"' || p_value::text || '"'
    ELSE p_value::text
END;

COMMENT ON FUNCTION khala_internal.wire_integer(bigint) IS
'Internal: a watermark or version as JSON. Argument: the value. Result: a number, or a string above 2^53 - 1. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.wire_integer(bigint) FROM public;
