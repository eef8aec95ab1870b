-- Requests a codex worker to stop. It is stopping until it says that it has ended.

CREATE OR REPLACE FUNCTION khala.stop_codex_worker(
    p_org_id text, p_worker_id text, p_reason text, p_requested_by text, p_idempotency_key text DEFAULT NULL
)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF length(p_reason) > 500 THEN
        RAISE EXCEPTION 'invalid_reason' USING ERRCODE = 'KH020', HINT = 'Use at most 500 characters.';
    END IF;
    RETURN khala_internal.act_on_codex_worker(
        p_org_id, p_worker_id, 'worker.stop_requested',
        jsonb_build_object('reason', p_reason, 'requested_by', p_requested_by), p_idempotency_key
    );
END
$$;

COMMENT ON FUNCTION khala.stop_codex_worker(text, text, text, text, text) IS
'Requests a codex worker to stop: appends worker.stop_requested to its history, once until the worker has ended. Arguments: organisation; id of the worker; reason, null for none; who requests it; idempotency key, null for none. Result: {"request": {"worker_id", "seq", "action", "requested_at", "requested_by", "reason"}}, of the first request where the worker is to stop already. Errors: KH005 not I-JSON; KH020; KH021 the worker has ended, or the key was used for another request; KH023 the organisation has no such worker.';
REVOKE ALL ON FUNCTION khala.stop_codex_worker(text, text, text, text, text) FROM public;
GRANT EXECUTE ON FUNCTION khala.stop_codex_worker(text, text, text, text, text) TO khala_relay;
