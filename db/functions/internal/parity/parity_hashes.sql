-- Hashes by which a document of either side is compared. A document that the legacy backend should not hold (no object,
-- a number that no double represents) has none and so equals nothing: it is a mismatch and ends no comparison.

CREATE OR REPLACE FUNCTION khala_internal.parity_hashes(p_payload jsonb)
RETURNS TABLE (bare_hash bytea, payload_hash bytea)
LANGUAGE plpgsql IMMUTABLE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF jsonb_typeof(p_payload) = 'object' THEN
        bare_hash := khala.payload_hash(p_payload - 'projected_at');
        payload_hash := khala.payload_hash(p_payload);
    END IF;
    RETURN NEXT;
EXCEPTION
    WHEN SQLSTATE 'KH005' THEN
        RETURN NEXT;
END
$$;

COMMENT ON FUNCTION khala_internal.parity_hashes(jsonb) IS
'Hashes of a document. Argument: its payload, or NULL. Result: one row with the SHA-256 of the canonical payload without projected_at, and with it; NULLs when the payload is NULL or no I-JSON object. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.parity_hashes(jsonb) FROM public;
