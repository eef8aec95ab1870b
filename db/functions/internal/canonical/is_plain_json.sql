-- Whether the server's own text of an object is canonical but for white space and the order of keys: few
-- objects and arrays, no escape, no number that ECMAScript may print otherwise, and no character beyond the
-- first plane of Unicode, which UTF-16 orders otherwise. Numbers stand behind a space or a bracket; what looks
-- like one in a string costs time, not the result. Bound when created and without a SET clause, so that it is
-- inlined.

CREATE OR REPLACE FUNCTION khala_internal.is_plain_json(p_written text)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    strpos(p_written, '\') = 0
    AND octet_length(p_written) - octet_length(replace(replace(p_written, '{', ''), '[', '')) <= 16
    -- Of 16 digits, with a last 0 after the point, or below 0.00001.
    AND p_written !~ '[ []-?([0-9.]{16}|[0-9]+\.[0-9]*0[],}]|0\.00000)'
    AND (octet_length(p_written) = length(p_written) OR p_written !~ '[\U00010000-\U0010FFFF]')
);

COMMENT ON FUNCTION khala_internal.is_plain_json(text) IS
'Internal: whether khala_internal.canonical_of_plain can write an object. Argument: the object as jsonb prints it. Result: true, false, or null for null. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.is_plain_json(text) FROM public;
