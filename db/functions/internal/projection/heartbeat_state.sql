-- The only rule for the state of a worker's heartbeat: documents carry its result as of their latest event, and every
-- reader that wants it as of now calls it.

CREATE OR REPLACE FUNCTION khala_internal.heartbeat_state(p_status text, p_heartbeat_at timestamptz, p_at timestamptz)
RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE
        WHEN p_status IN ('stopped', 'failed') THEN p_status
        WHEN p_heartbeat_at IS NULL THEN 'missing'
        WHEN p_at - p_heartbeat_at > make_interval(secs => khala_internal.heartbeat_stale_after_s()) THEN 'stale'
        ELSE 'fresh'
    END;
END
$$;

COMMENT ON FUNCTION khala_internal.heartbeat_state(text, timestamptz, timestamptz) IS
'State of a codex worker''s heartbeat. Arguments: status of the worker; time of its last heartbeat since it started, null for none; time for which the state is wanted. Result: stopped or failed as the status, missing without a heartbeat, stale above khala_internal.heartbeat_stale_after_s, else fresh. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.heartbeat_state(text, timestamptz, timestamptz) FROM public;
