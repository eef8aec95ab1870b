-- One codex worker of an organisation.

CREATE OR REPLACE FUNCTION khala.get_codex_worker(p_org_id text, p_worker_id text)
RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_found jsonb;
BEGIN
    SELECT jsonb_build_object(
        'worker', khala_internal.codex_worker_view(d.payload, e.latest_seq, clock_timestamp()), 'version', d.doc_version
    )
    INTO v_found
    FROM runtime.entities AS e
    INNER JOIN runtime.sync_documents AS d
        ON d.topic = 'runtime.codex_worker_summaries' AND d.doc_key = 'runtime/codex_worker_summary:' || e.id
        AND NOT d.deleted
    WHERE e.kind = 'codex_worker' AND e.id = p_worker_id AND e.org_id = p_org_id;
    IF NOT FOUND THEN
        PERFORM khala_internal.refuse_entity('codex_worker', p_worker_id);
    END IF;
    RETURN v_found;
END
$$;

COMMENT ON FUNCTION khala.get_codex_worker(text, text) IS
'A codex worker of an organisation. Arguments: organisation; id of the worker. Result: {"worker": document with heartbeat_state and heartbeat_age_ms of now, and projection_lag; "version": that of the document}. Errors: KH023 the organisation has no such worker.';
REVOKE ALL ON FUNCTION khala.get_codex_worker(text, text) FROM public;
GRANT EXECUTE ON FUNCTION khala.get_codex_worker(text, text) TO khala_relay;
