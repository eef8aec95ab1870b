-- The text in which a page built from the read model carries a payload. What the server prints is nearly
-- always good enough, and much faster to make; but it prints 1e300 with all its zeros. Where that makes a
-- payload more than half as long again as its canonical text, the canonical text goes out, so that a page
-- can be measured before it is built.

CREATE OR REPLACE FUNCTION khala_internal.payload_text(p_payload jsonb, p_payload_bytes integer)
RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_text text := p_payload::text;
BEGIN
    IF octet_length(v_text) > p_payload_bytes * 1.5 THEN
        RETURN khala_internal.canonical_json(p_payload);
    END IF;
    RETURN v_text;
END
$$;

COMMENT ON FUNCTION khala_internal.payload_text(jsonb, integer) IS
'Internal: a payload of the read model as JSON text. Arguments: the payload; length of its canonical text in bytes. Result: at most one and a half times as many bytes. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.payload_text(jsonb, integer) FROM public;
