-- Sends a request to a codex worker, which reads it with khala.codex_worker_requests.

CREATE OR REPLACE FUNCTION khala.request_codex_worker(
    p_org_id text, p_worker_id text, p_request jsonb, p_requested_by text, p_idempotency_key text DEFAULT NULL
)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF jsonb_typeof(p_request) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'invalid_request' USING ERRCODE = 'KH020', HINT = 'Send a JSON object.';
    END IF;
    RETURN khala_internal.act_on_codex_worker(
        p_org_id, p_worker_id, 'worker.requested',
        jsonb_build_object('request', p_request, 'requested_by', p_requested_by), p_idempotency_key
    );
END
$$;

COMMENT ON FUNCTION khala.request_codex_worker(text, text, jsonb, text, text) IS
'Sends a request to a codex worker: appends worker.requested to its history. Arguments: organisation; id of the worker; the request, a JSON object; who makes it; idempotency key, null for none. Result: {"request": {"worker_id", "seq", "action", "requested_at", "requested_by", "request"}}, the same for a repeated key. Errors: KH004 above 1 MiB; KH005 not I-JSON; KH020; KH021 the worker has ended, or the key was used for another request; KH023 the organisation has no such worker.';
REVOKE ALL ON FUNCTION khala.request_codex_worker(text, text, jsonb, text, text) FROM public;
GRANT EXECUTE ON FUNCTION khala.request_codex_worker(text, text, jsonb, text, text) TO khala_relay;
