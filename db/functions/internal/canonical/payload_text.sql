-- Payload as a page of the read model carries it. The server's own output is nearly always good enough, and much
-- faster to make; but it prints 1e300 with all its zeros. Where that makes a payload more than half as long again as
-- its canonical JSON, the page carries the canonical JSON, so that a page can be measured before it is built. Bound
-- at creation and without a SET clause, so it is inlined: it runs once for every document of a snapshot.

CREATE OR REPLACE FUNCTION khala_internal.payload_text(p_printed text, p_payload jsonb, p_payload_bytes integer)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN octet_length(p_printed) > p_payload_bytes + p_payload_bytes / 2 THEN khala_internal.canonical_json(p_payload)
    ELSE p_printed
END;

COMMENT ON FUNCTION khala_internal.payload_text(text, jsonb, integer) IS
'Internal: a payload of the read model as JSON. Arguments: the server''s output for it; the payload; bytes of its canonical JSON. Result: JSON of at most one and a half times as many bytes. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.payload_text(text, jsonb, integer) FROM public;
