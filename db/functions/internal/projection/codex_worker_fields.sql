-- What the summary of a codex worker has besides that of a run. Whether a heartbeat is stale follows from time, and a
-- document changes by events only: it has the state as of its last heartbeat, or as of the mark that followed it.

CREATE OR REPLACE FUNCTION khala_internal.codex_worker_fields(
    p_id text,
    p_status text,
    p_status_seq bigint,
    p_started_seq bigint,
    p_started jsonb,
    p_ended_at timestamptz,
    p_updated_at timestamptz
)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_status text := p_status;
    v_activity text;
    v_activity_seq bigint;
    v_payload jsonb;
    v_heartbeat_seq bigint;
    v_heartbeat_at timestamptz;
    v_stale_at timestamptz;
BEGIN
    SELECT v.verb, v.seq, v.payload INTO v_activity, v_activity_seq, v_payload
    FROM unnest(ARRAY['idle', 'busy', 'waiting', 'paused']) AS a (verb)
    CROSS JOIN LATERAL (
        SELECT a.verb, w.seq, w.payload
        FROM runtime.entity_events AS w
        WHERE w.kind = 'codex_worker' AND w.id = p_id AND w.event_type = 'worker.' || a.verb
        ORDER BY -w.seq
        LIMIT 1
    ) AS v
    ORDER BY v.seq DESC
    LIMIT 1;
    IF v_status IS NULL OR v_status = 'starting' AND v_activity_seq > p_status_seq THEN
        v_status := CASE WHEN v_activity_seq IS NULL THEN 'starting' ELSE 'running' END;
    END IF;
    IF v_status NOT IN ('stopped', 'failed') AND khala_internal.standing_stop(p_id) IS NOT NULL THEN
        v_status := 'stopping';
    END IF;
    IF v_status NOT IN ('running', 'stopping') OR v_activity_seq < p_status_seq THEN
        v_activity := NULL;
        v_payload := NULL;
    END IF;

    SELECT v.seq, v.recorded_at INTO v_heartbeat_seq, v_heartbeat_at
    FROM runtime.entity_events AS v
    WHERE v.kind = 'codex_worker' AND v.id = p_id AND v.event_type = 'worker.heartbeat'
        AND -v.seq < -coalesce(p_started_seq, 0)
    ORDER BY -v.seq
    LIMIT 1;
    SELECT v.recorded_at INTO v_stale_at
    FROM runtime.entity_events AS v
    WHERE v.kind = 'codex_worker' AND v.id = p_id AND v.event_type = 'worker.stale' AND -v.seq < -v_heartbeat_seq
    ORDER BY -v.seq
    LIMIT 1;

    RETURN jsonb_build_object(
        'status', v_status,
        'activity', v_activity,
        'task', CASE WHEN jsonb_typeof(v_payload -> 'task') = 'string' THEN left(v_payload ->> 'task', 500) END,
        'workspace', CASE
            WHEN jsonb_typeof(p_started -> 'workspace') = 'string' THEN left(p_started ->> 'workspace', 1000)
        END,
        'adapter', CASE
            WHEN jsonb_typeof(p_started -> 'adapter') = 'string' THEN left(p_started ->> 'adapter', 100)
        END,
        'metadata', CASE
            WHEN jsonb_typeof(p_started -> 'metadata') = 'object' AND octet_length(p_started ->> 'metadata') <= 8192
                THEN p_started -> 'metadata'
        END,
        'heartbeat_at', khala_internal.iso_timestamp(v_heartbeat_at),
        'heartbeat_state', khala_internal.heartbeat_state(v_status, v_heartbeat_at, coalesce(v_stale_at, v_heartbeat_at)),
        'heartbeat_stale_after_s', khala_internal.heartbeat_stale_after_s(),
        'stopped_at', khala_internal.iso_timestamp(p_ended_at),
        'updated_at', khala_internal.iso_timestamp(p_updated_at)
    );
END
$$;

COMMENT ON FUNCTION khala_internal.codex_worker_fields(text, text, bigint, bigint, jsonb, timestamptz, timestamptz) IS
'Codex worker''s part of its summary. Arguments: its id; status by its latest event that has one, and the sequence number of that; sequence number and payload of its latest start; end, null while it has not ended; time at which its latest event was recorded. Result: fields of the summary, status and task among them. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.codex_worker_fields(text, text, bigint, bigint, jsonb, timestamptz, timestamptz) FROM public;
