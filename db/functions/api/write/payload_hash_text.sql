-- Payload hash as a string, for logs, documents and comparison by eye.

CREATE OR REPLACE FUNCTION khala.payload_hash_text(p_payload jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT 'sha256:' || encode(khala.payload_hash(p_payload), 'hex');
$$;

COMMENT ON FUNCTION khala.payload_hash_text(jsonb) IS
'Payload hash as a string. Argument: the value. Result: sha256:<64 hex digits>. Errors: KH005 as khala.canonical_json.';
REVOKE ALL ON FUNCTION khala.payload_hash_text(jsonb) FROM public;
GRANT EXECUTE ON FUNCTION khala.payload_hash_text(jsonb) TO khala_runtime, khala_relay, khala_dba;
