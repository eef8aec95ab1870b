-- Canonical JSON (RFC 8785, JCS) of a value, as it is hashed, stored in the journal and carried on the wire. Clients
-- in any language can compare theirs with it.

CREATE OR REPLACE FUNCTION khala.canonical_json(p_payload jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT c.canonical FROM khala_internal.canonical_text(p_payload) AS c;
$$;

COMMENT ON FUNCTION khala.canonical_json(jsonb) IS
'Canonical JSON (RFC 8785) of a value. Argument: the value. Result: canonical JSON. Errors: KH005 for a number that no double represents, or nesting beyond 64 levels.';
REVOKE ALL ON FUNCTION khala.canonical_json(jsonb) FROM public;
GRANT EXECUTE ON FUNCTION khala.canonical_json(jsonb) TO khala_runtime, khala_relay, khala_dba;
