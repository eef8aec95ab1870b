-- Requests that a codex worker has not acknowledged, for the worker to read.

CREATE OR REPLACE FUNCTION khala.codex_worker_requests(p_worker_id text, p_limit integer DEFAULT 100)
RETURNS TABLE (seq bigint, action text, request jsonb, reason text, requested_by text, requested_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_stop bigint := khala_internal.standing_stop(p_worker_id);
BEGIN
    IF p_limit IS NULL OR p_limit NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION 'p_limit is %', coalesce(p_limit::text, 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use 1 to 1000 requests; the default is 100.';
    END IF;
    RETURN QUERY
    SELECT
        q.seq,
        CASE v.event_type WHEN 'worker.requested' THEN 'request' ELSE 'stop' END,
        v.payload -> 'request',
        v.payload ->> 'reason',
        v.payload ->> 'requested_by',
        v.recorded_at
    FROM runtime.codex_worker_requests AS q
    INNER JOIN runtime.entity_events AS v ON v.kind = 'codex_worker' AND q.worker_id = v.id AND q.seq = v.seq
    WHERE q.worker_id = p_worker_id AND q.acknowledged_seq IS NULL
        AND (v.event_type = 'worker.requested' OR q.seq = v_stop)
    ORDER BY q.seq
    LIMIT p_limit;
END
$$;

COMMENT ON FUNCTION khala.codex_worker_requests(text, integer) IS
'Requests to a codex worker that it has not acknowledged, in their order. Arguments: its id; most requests, 1 to 1000. Result: sequence number of the request, action (request or stop), the request (null for stop), reason of a stop, who made it and when. A request to stop is void once the worker has ended. Errors: KH007.';
REVOKE ALL ON FUNCTION khala.codex_worker_requests(text, integer) FROM public;
GRANT EXECUTE ON FUNCTION khala.codex_worker_requests(text, integer) TO khala_runtime;
