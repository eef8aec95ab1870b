-- Acknowledges a request to a codex worker, once: the worker says what it has done.

CREATE OR REPLACE FUNCTION khala.acknowledge_codex_worker_request(
    p_worker_id text, p_seq bigint, p_outcome text DEFAULT 'done', p_response jsonb DEFAULT '{}'
)
RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_payload jsonb := jsonb_build_object('request_seq', p_seq, 'outcome', p_outcome, 'response', p_response);
    v_acknowledged_seq bigint;
    v_known jsonb;
BEGIN
    IF p_outcome IS NULL OR p_outcome NOT IN ('done', 'refused') THEN
        RAISE EXCEPTION 'p_outcome is %', coalesce(quote_literal(left(p_outcome, 100)), 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use done or refused.';
    ELSIF jsonb_typeof(p_response) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'p_response is %', coalesce('a JSON ' || jsonb_typeof(p_response), 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Pass a JSON object; {} is fine.';
    END IF;
    PERFORM khala_internal.check_event_payload(v_payload);
    PERFORM FROM runtime.entities AS e
    WHERE e.kind = 'codex_worker' AND e.id = p_worker_id
    FOR NO KEY UPDATE;
    SELECT q.acknowledged_seq INTO v_acknowledged_seq
    FROM runtime.codex_worker_requests AS q
    WHERE q.worker_id = p_worker_id AND q.seq = p_seq;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'codex worker % has no request %', coalesce(quote_literal(left(p_worker_id, 200)), 'NULL'), coalesce(p_seq::text, 'NULL')
            USING ERRCODE = 'KH007', HINT = 'khala.codex_worker_requests lists them.';
    END IF;
    IF v_acknowledged_seq IS NOT NULL THEN
        SELECT v.payload INTO v_known
        FROM runtime.entity_events AS v
        WHERE v.kind = 'codex_worker' AND v.id = p_worker_id AND v.seq = v_acknowledged_seq;
        IF v_known <> v_payload THEN
            RAISE EXCEPTION 'request % of codex worker % is acknowledged otherwise', p_seq, quote_literal(p_worker_id)
                USING ERRCODE = 'KH009', HINT = 'A request is acknowledged once.';
        END IF;
        RETURN 'duplicate';
    END IF;
    SELECT a.seq INTO v_acknowledged_seq
    FROM khala_internal.append_own_events(
        'codex_worker', 'worker.acknowledged', ARRAY[p_worker_id], ARRAY[v_payload]
    ) AS a;
    UPDATE runtime.codex_worker_requests AS q
    SET acknowledged_seq = v_acknowledged_seq
    WHERE q.worker_id = p_worker_id AND q.seq = p_seq;
    RETURN 'acknowledged';
END
$$;

COMMENT ON FUNCTION khala.acknowledge_codex_worker_request(text, bigint, text, jsonb) IS
'Acknowledges a request to a codex worker: appends worker.acknowledged to its history. Arguments: id of the worker; sequence number of the request; done or refused; a response, a JSON object. Result: acknowledged, or duplicate if it was acknowledged with the same outcome and response. Errors: KH004 above 1 MiB; KH005 not I-JSON; KH007 no such request, or an invalid argument; KH009 acknowledged otherwise.';
REVOKE ALL ON FUNCTION khala.acknowledge_codex_worker_request(text, bigint, text, jsonb) FROM public;
GRANT EXECUTE ON FUNCTION khala.acknowledge_codex_worker_request(text, bigint, text, jsonb) TO khala_runtime;
