-- The request to stop that a worker has not obeyed yet. It stands until the worker has ended: a worker that starts
-- again after a crash finds it.

CREATE OR REPLACE FUNCTION khala_internal.standing_stop(p_worker_id text)
RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_seq bigint;
BEGIN
    SELECT v.seq INTO v_seq
    FROM runtime.entity_events AS v
    WHERE v.kind = 'codex_worker' AND v.id = p_worker_id AND v.event_type = 'worker.stop_requested'
    ORDER BY -v.seq
    LIMIT 1;
    IF v_seq IS NULL OR EXISTS (
        SELECT FROM runtime.entity_events AS v
        WHERE v.kind = 'codex_worker' AND v.id = p_worker_id AND -v.seq < -v_seq
            AND v.event_type IN ('worker.finished', 'worker.failed', 'worker.cancelled', 'worker.stopped')
    ) THEN
        RETURN NULL;
    END IF;
    RETURN v_seq;
END
$$;

COMMENT ON FUNCTION khala_internal.standing_stop(text) IS
'Request to stop that stands. Argument: id of a codex worker. Result: sequence number of the latest worker.stop_requested; null where there is none, or the worker has ended since. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.standing_stop(text) FROM public;
