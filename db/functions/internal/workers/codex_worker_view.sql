-- A codex worker as its API returns it: its document, and what follows from the time of the call.

CREATE OR REPLACE FUNCTION khala_internal.codex_worker_view(p_document jsonb, p_latest_seq bigint, p_at timestamptz)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_heartbeat_at timestamptz := (p_document ->> 'heartbeat_at')::timestamptz;
BEGIN
    RETURN p_document || jsonb_build_object(
        'heartbeat_state', khala_internal.heartbeat_state(p_document ->> 'status', v_heartbeat_at, p_at),
        -- greatest() takes no notice of a null.
        'heartbeat_age_ms', CASE
            WHEN v_heartbeat_at IS NOT NULL
                THEN greatest(0, floor(extract(EPOCH FROM p_at - v_heartbeat_at) * 1000))::bigint
        END,
        'projection_lag', p_latest_seq - (p_document ->> 'latest_seq')::bigint
    );
END
$$;

COMMENT ON FUNCTION khala_internal.codex_worker_view(jsonb, bigint, timestamptz) IS
'A codex worker as its API returns it. Arguments: its document; sequence number of its latest event; time of the call. Result: the document with heartbeat_state and heartbeat_age_ms (null without a heartbeat) of that time, and projection_lag, the number of events that it does not include. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.codex_worker_view(jsonb, bigint, timestamptz) FROM public;
