-- Time of the Lightning control plane.

CREATE OR REPLACE FUNCTION khala_internal.lightning_now_ms()
RETURNS bigint
LANGUAGE sql VOLATILE
BEGIN ATOMIC
SELECT floor(extract(EPOCH FROM clock_timestamp()) * 1000)::bigint;
END;

COMMENT ON FUNCTION khala_internal.lightning_now_ms() IS
'Internal: the time now. Result: milliseconds since 1970. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.lightning_now_ms() FROM public;
