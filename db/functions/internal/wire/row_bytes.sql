-- Bytes that one update counts for in a page. Bound at creation and without a SET clause, so it is inlined: a column
-- that is not used is not read.

CREATE OR REPLACE FUNCTION khala_internal.row_bytes(p_doc_key text, p_payload_bytes integer)
RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(p_payload_bytes, 0) + octet_length(p_doc_key) + 256;

COMMENT ON FUNCTION khala_internal.row_bytes(text, integer) IS
'Internal: bytes that an update counts for in a page. Arguments: its key; bytes of the payload it carries, null for none. Result: bytes. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.row_bytes(text, integer) FROM public;
