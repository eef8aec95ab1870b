-- The largest payload that an update may carry in any topic. A relay announces it, so clients know how large a
-- message can be.

CREATE OR REPLACE FUNCTION khala.max_payload_bytes()
RETURNS integer
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT coalesce(max(t.inline_limit_bytes) FILTER (WHERE t.payload_mode <> 'pointer'), 0) FROM runtime.sync_topics AS t);
END
$$;

COMMENT ON FUNCTION khala.max_payload_bytes() IS
'Largest inline limit of all topics. Arguments: none. Result: bytes; 0 when every topic is in pointer mode. Errors: none.';
REVOKE ALL ON FUNCTION khala.max_payload_bytes() FROM public;
GRANT EXECUTE ON FUNCTION khala.max_payload_bytes() TO khala_relay;
