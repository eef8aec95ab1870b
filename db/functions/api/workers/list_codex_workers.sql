-- Codex workers of an organisation, a page at a time, in the order of their ids. A call looks at 2,000 documents at
-- most: where few workers have a status, a page has few of them, and a cursor. An index by status would make each
-- update of a document in any topic write all indexes.

CREATE OR REPLACE FUNCTION khala.list_codex_workers(
    p_org_id text, p_status text DEFAULT NULL, p_cursor text DEFAULT NULL, p_limit integer DEFAULT 100
)
RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_at timestamptz := clock_timestamp();
    v_prefix CONSTANT text := 'runtime/codex_worker_summary:';
    v_after CONSTANT text := v_prefix || coalesce(p_cursor, '');
    v_most CONSTANT integer := 2000;
    v_workers jsonb[];
    v_next text;
BEGIN
    IF p_status NOT IN ('starting', 'running', 'stopping', 'stopped', 'failed') THEN
        RAISE EXCEPTION 'invalid_status'
            USING ERRCODE = 'KH020', HINT = 'Use starting, running, stopping, stopped or failed; leave it out for all.';
    ELSIF p_limit IS NULL OR p_limit NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION 'invalid_limit' USING ERRCODE = 'KH020', HINT = 'Use 1 to 1000.';
    END IF;
    -- One more than the page holds, if there are more.
    SELECT array_agg(khala_internal.codex_worker_view(d.payload, d.latest_seq, v_at) ORDER BY d.doc_key) INTO v_workers
    FROM (
        SELECT s.doc_key, s.payload, e.latest_seq
        FROM (
            SELECT n.doc_key, n.payload
            FROM runtime.sync_documents AS n
            WHERE n.topic = 'runtime.codex_worker_summaries' AND n.org_id = p_org_id AND NOT n.deleted AND n.doc_key > v_after
            ORDER BY n.doc_key
            LIMIT v_most
        ) AS s
        INNER JOIN runtime.entities AS e
            ON e.kind = 'codex_worker' AND e.id = substr(s.doc_key, length(v_prefix) + 1)
        WHERE p_status IS NULL OR s.payload ->> 'status' = p_status
        ORDER BY s.doc_key
        LIMIT p_limit + 1
    ) AS d;
    IF cardinality(v_workers) > p_limit THEN
        v_next := v_workers[p_limit] ->> 'worker_id';
    ELSE
        SELECT substr(n.doc_key, length(v_prefix) + 1) INTO v_next
        FROM runtime.sync_documents AS n
        WHERE n.topic = 'runtime.codex_worker_summaries' AND n.org_id = p_org_id AND NOT n.deleted AND n.doc_key > v_after
        ORDER BY n.doc_key
        LIMIT 1 OFFSET v_most - 1;
    END IF;
    RETURN jsonb_build_object('workers', coalesce(to_jsonb(v_workers[:p_limit]), '[]')) || CASE
        WHEN v_next IS NOT NULL THEN jsonb_build_object('next_cursor', v_next) ELSE '{}'
    END;
END
$$;

COMMENT ON FUNCTION khala.list_codex_workers(text, text, text, integer) IS
'Codex workers of an organisation. Arguments: organisation; status, null for all; next_cursor of the page before, null for the first; most workers of a page, 1 to 1000. Result: {"workers": [document with heartbeat_state and heartbeat_age_ms of now, and projection_lag], "next_cursor"}; a page of a status may have fewer workers than the limit, or none; the last page has no next_cursor. Errors: KH020.';
REVOKE ALL ON FUNCTION khala.list_codex_workers(text, text, text, integer) FROM public;
GRANT EXECUTE ON FUNCTION khala.list_codex_workers(text, text, text, integer) TO khala_relay;
