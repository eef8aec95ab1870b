-- Payload hash of the wire and of the read models.

CREATE OR REPLACE FUNCTION khala.payload_hash(p_payload jsonb)
RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT sha256(convert_to(c.canonical, 'UTF8')) FROM khala_internal.canonical_text(p_payload) AS c;
$$;

COMMENT ON FUNCTION khala.payload_hash(jsonb) IS
'SHA-256 over the RFC 8785 bytes of a JSON value. Argument: the value. Result: 32 bytes. Errors: KH005 as khala.canonical_json.';
REVOKE ALL ON FUNCTION khala.payload_hash(jsonb) FROM public;
GRANT EXECUTE ON FUNCTION khala.payload_hash(jsonb) TO khala_runtime, khala_relay, khala_dba;
