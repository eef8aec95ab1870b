-- Age from which a worker's heartbeat is stale.

CREATE OR REPLACE FUNCTION khala_internal.heartbeat_stale_after_s()
RETURNS integer
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN 120;
END
$$;

COMMENT ON FUNCTION khala_internal.heartbeat_stale_after_s() IS
'Seconds after which a codex worker''s heartbeat is stale. Arguments: none. Result: the seconds. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.heartbeat_stale_after_s() FROM public;
