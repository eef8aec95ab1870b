-- A request to a codex worker as its API returns it.

CREATE OR REPLACE FUNCTION khala_internal.codex_worker_request(p_worker_id text, p_seq bigint)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object('request', jsonb_build_object(
            'worker_id', v.id,
            'seq', v.seq,
            'action', CASE v.event_type WHEN 'worker.requested' THEN 'request' ELSE 'stop' END,
            'requested_at', khala_internal.iso_timestamp(v.recorded_at)
        ) || v.payload)
        FROM runtime.entity_events AS v
        WHERE v.kind = 'codex_worker' AND v.id = p_worker_id AND v.seq = p_seq
    );
END
$$;

COMMENT ON FUNCTION khala_internal.codex_worker_request(text, bigint) IS
'A request to a codex worker. Arguments: id of the worker; sequence number of the request. Result: {"request": {"worker_id", "seq", "action": "request" or "stop", "requested_at", "requested_by", and "request" or "reason"}}. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.codex_worker_request(text, bigint) FROM public;
