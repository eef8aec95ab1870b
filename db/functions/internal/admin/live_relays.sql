-- Relays that run: each reports every ten seconds, so one that missed two reports does not.

CREATE OR REPLACE FUNCTION khala_internal.live_relays()
RETURNS SETOF runtime.relay_reports
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT r.* FROM runtime.relay_reports AS r
    WHERE r.stopped_at IS NULL AND r.reported_at > now() - INTERVAL '30 seconds';
END
$$;

COMMENT ON FUNCTION khala_internal.live_relays() IS
'Internal: relays that run. Arguments: none. Result: the last report of each. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.live_relays() FROM public;
