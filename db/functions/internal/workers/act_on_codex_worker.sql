-- Writes a request to a codex worker as an event of its history. The worker is locked, so that a request and the end of
-- the worker come one after the other, and calls with the same key take turns.

CREATE OR REPLACE FUNCTION khala_internal.act_on_codex_worker(
    p_org_id text, p_worker_id text, p_event_type text, p_payload jsonb, p_idempotency_key text
)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_request_hash bytea := sha256(convert_to(jsonb_build_array(p_event_type, p_payload)::text, 'UTF8'));
    v_known_hash bytea;
    v_seq bigint;
    v_status text;
BEGIN
    IF length(p_idempotency_key) NOT BETWEEN 1 AND 255 THEN
        RAISE EXCEPTION 'invalid_Idempotency-Key' USING ERRCODE = 'KH020', HINT = 'Use 1 to 255 characters.';
    END IF;
    PERFORM khala_internal.check_event_payload(p_payload);
    PERFORM FROM runtime.entities AS e
    WHERE e.kind = 'codex_worker' AND e.id = p_worker_id AND e.org_id = p_org_id
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM khala_internal.refuse_entity('codex_worker', p_worker_id);
    END IF;
    SELECT k.request_hash, k.seq INTO v_known_hash, v_seq
    FROM runtime.codex_worker_request_keys AS k
    WHERE k.worker_id = p_worker_id AND k.idempotency_key = p_idempotency_key;
    IF FOUND THEN
        IF v_known_hash <> v_request_hash THEN
            RAISE EXCEPTION 'the idempotency key was used for another request'
                USING ERRCODE = 'KH021', HINT = 'Use a new Idempotency-Key for each request.';
        END IF;
        RETURN khala_internal.codex_worker_request(p_worker_id, v_seq);
    END IF;

    SELECT s.summary ->> 'status' INTO v_status
    FROM khala_internal.summarize_entities('codex_worker', ARRAY[p_worker_id]) AS s;
    IF v_status IN ('stopped', 'failed') THEN
        RAISE EXCEPTION 'codex worker % is %', quote_literal(p_worker_id), v_status
            USING ERRCODE = 'KH021', HINT = 'Start it again first: it has ended and takes no requests.';
    END IF;
    IF p_event_type = 'worker.stop_requested' THEN
        v_seq := khala_internal.standing_stop(p_worker_id);
    END IF;
    IF v_seq IS NULL THEN
        SELECT a.seq INTO v_seq
        FROM khala_internal.append_own_events('codex_worker', p_event_type, ARRAY[p_worker_id], ARRAY[p_payload]) AS a;
        INSERT INTO runtime.codex_worker_requests (worker_id, seq) VALUES (p_worker_id, v_seq);
    END IF;
    IF p_idempotency_key IS NOT NULL THEN
        INSERT INTO runtime.codex_worker_request_keys (worker_id, idempotency_key, request_hash, seq)
        VALUES (p_worker_id, p_idempotency_key, v_request_hash, v_seq);
    END IF;
    RETURN khala_internal.codex_worker_request(p_worker_id, v_seq);
END
$$;

COMMENT ON FUNCTION khala_internal.act_on_codex_worker(text, text, text, jsonb, text) IS
'Writes a request to a codex worker. Arguments: organisation; id of the worker; worker.requested or worker.stop_requested; payload of the event; idempotency key, null for none. Result: as khala_internal.codex_worker_request, of the earlier request where the key is known, or where the worker is to stop already. Errors: KH004, KH005 the payload; KH020; KH021 the worker has ended, or the key was used for another request; KH023.';
REVOKE ALL ON FUNCTION khala_internal.act_on_codex_worker(text, text, text, jsonb, text) FROM public;
