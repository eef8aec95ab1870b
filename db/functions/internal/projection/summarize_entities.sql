-- Summary documents of some entities, built from their histories alone. The last event of a type is one index
-- descent, so a summary costs the same after ten events and after ten million. The status comes from the latest
-- event that has one; events of unknown types are only counted. A run is lost as long as nothing follows the event that
-- says so. What a worker is busy with is no status: it is running, and a request to stop stands until it has ended.

CREATE OR REPLACE FUNCTION khala_internal.summarize_entities(p_kind text, p_ids text[])
RETURNS TABLE (id text, org_id text, latest_seq bigint, summary jsonb, heartbeat_s numeric)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
-- One plan is right for every history; making it anew for each call costs more than running it.
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    v_projection text;
    v_event_prefix text;
    v_id_field text;
BEGIN
    SELECT p.projection, p.event_prefix, p.id_field INTO v_projection, v_event_prefix, v_id_field
    FROM khala_internal.projection_of(p_kind) AS p;

    RETURN QUERY
    SELECT
        s.id,
        s.org_id,
        s.latest_seq,
        s.summary,
        CASE
            WHEN p_kind <> 'codex_worker' THEN s.heartbeat_s
            WHEN s.summary ->> 'heartbeat_state' = 'fresh' THEN (s.summary ->> 'heartbeat_stale_after_s')::numeric
        END
    FROM (
        SELECT
            e.id,
            e.org_id,
            latest.seq AS latest_seq,
            jsonb_build_object(
                'document_id', 'runtime/' || v_projection || ':' || e.id,
                'kind', v_projection,
                v_id_field, e.id,
                'owner', e.org_id,
                'status', CASE
                    WHEN latest.lost THEN 'lost'
                    ELSE coalesce(ended.status, state.status, 'unknown')
                END,
                'terminal_reason', CASE WHEN latest.lost THEN latest.payload ->> 'reason' ELSE ended.reason END,
                'title', CASE
                    WHEN jsonb_typeof(started.payload -> 'title') = 'string' THEN left(started.payload ->> 'title', 500)
                END,
                'command', CASE
                    WHEN jsonb_typeof(started.payload -> 'command') IN ('string', 'array')
                        AND octet_length(started.payload ->> 'command') <= 8192
                        THEN started.payload -> 'command'
                END,
                'task', CASE
                    WHEN jsonb_typeof(state.payload -> 'task') = 'string' THEN left(state.payload ->> 'task', 500)
                END,
                'progress', live.progress,
                'exit_code', CASE
                    WHEN state.terminal AND jsonb_typeof(state.payload -> 'exit_code') = 'number'
                        THEN state.payload -> 'exit_code'
                END,
                'signal', CASE
                    WHEN state.terminal AND jsonb_typeof(state.payload -> 'signal') = 'string'
                        THEN left(state.payload ->> 'signal', 100)
                END,
                'started_at', khala_internal.iso_timestamp(started.occurred_at),
                'finished_at', CASE WHEN state.terminal THEN khala_internal.iso_timestamp(state.occurred_at) END,
                'latest_seq', latest.seq,
                -- Sequence numbers have no holes: the last one is the count.
                'event_count', latest.seq,
                'latest_event_type', latest.event_type,
                'latest_event_at', khala_internal.iso_timestamp(latest.occurred_at),
                'runtime_source', jsonb_build_object('entity', e.kind, 'id', e.id, 'seq', latest.seq),
                'projection_version', khala.projection_version()
            ) || CASE p_kind
                WHEN 'codex_worker' THEN khala_internal.codex_worker_fields(
                    e.id, coalesce(ended.status, state.status), state.seq, started.seq, started.payload,
                    CASE WHEN state.terminal THEN state.occurred_at END, latest.recorded_at
                )
                ELSE '{}'
            END AS summary,
            CASE
                WHEN latest.lost OR state.status NOT IN ('running', 'waiting', 'idle', 'busy') THEN NULL
                WHEN jsonb_typeof(started.payload -> 'heartbeat_s') = 'number'
                    THEN least(greatest((started.payload -> 'heartbeat_s')::numeric, 0), 31536000)
                WHEN EXISTS (
                    SELECT FROM runtime.entity_events AS v
                    WHERE v.kind = p_kind AND v.id = e.id AND v.event_type = v_event_prefix || 'heartbeat'
                        AND -v.seq < -started.seq
                ) THEN 0
            END AS heartbeat_s
        FROM runtime.entities AS e
        CROSS JOIN LATERAL (
            SELECT v.seq, v.event_type, v.occurred_at, v.recorded_at, v.payload, v.event_type = v_event_prefix || 'lost' AS lost
            FROM runtime.entity_events AS v
            WHERE v.kind = p_kind AND v.id = e.id
            ORDER BY v.seq DESC
            LIMIT 1
        ) AS latest
        LEFT JOIN LATERAL (
            SELECT v.seq, v.occurred_at, v.payload
            FROM runtime.entity_events AS v
            WHERE v.kind = p_kind AND v.id = e.id AND v.event_type = v_event_prefix || 'started'
            ORDER BY -v.seq
            LIMIT 1
        ) AS started ON TRUE
        LEFT JOIN LATERAL (
            SELECT s.verb, s.status, s.terminal, v.seq, v.event_type, v.occurred_at, v.payload
            FROM (
                VALUES
                ('run', 'queued', 'queued', FALSE), ('run', 'started', 'running', FALSE), ('run', 'resumed', 'running', FALSE),
                ('run', 'paused', 'paused', FALSE), ('run', 'waiting', 'waiting', FALSE), ('run', 'idle', 'idle', FALSE),
                ('run', 'busy', 'busy', FALSE), ('run', 'finished', 'succeeded', TRUE), ('run', 'failed', 'failed', TRUE),
                ('run', 'cancelled', 'cancelled', TRUE), ('run', 'stopped', 'stopped', TRUE),
                ('codex_worker', 'queued', 'starting', FALSE), ('codex_worker', 'starting', 'starting', FALSE),
                ('codex_worker', 'started', 'running', FALSE), ('codex_worker', 'resumed', 'running', FALSE),
                ('codex_worker', 'stopping', 'stopping', FALSE), ('codex_worker', 'finished', 'stopped', TRUE),
                ('codex_worker', 'failed', 'failed', TRUE), ('codex_worker', 'cancelled', 'stopped', TRUE),
                ('codex_worker', 'stopped', 'stopped', TRUE)
            ) AS s (kind, verb, status, terminal)
            CROSS JOIN LATERAL (
                SELECT w.seq, w.event_type, w.occurred_at, w.payload
                FROM runtime.entity_events AS w
                WHERE w.kind = p_kind AND w.id = e.id AND w.event_type = v_event_prefix || s.verb
                ORDER BY -w.seq
                LIMIT 1
            ) AS v
            WHERE s.kind = p_kind
            ORDER BY v.seq DESC
            LIMIT 1
        ) AS state ON TRUE
        LEFT JOIN LATERAL (
            SELECT v.seq, v.payload
            FROM runtime.entity_events AS v
            WHERE v.kind = p_kind AND v.id = e.id AND v.event_type = v_event_prefix || 'progress'
            ORDER BY -v.seq
            LIMIT 1
        ) AS progress ON TRUE
        LEFT JOIN LATERAL (
            -- A reason in the event takes precedence over its exit status.
            SELECT
                CASE WHEN outcome.bad THEN 'failed' ELSE state.status END AS status,
                CASE
                    WHEN jsonb_typeof(state.payload -> 'reason') = 'string' THEN left(state.payload ->> 'reason', 500)
                    WHEN jsonb_typeof(state.payload -> 'signal') = 'string'
                        THEN 'signal ' || left(state.payload ->> 'signal', 100)
                    WHEN outcome.bad THEN 'exit code ' || left(state.payload ->> 'exit_code', 40)
                    WHEN state.verb = 'finished' THEN 'completed'
                    ELSE state.verb
                END AS reason
            FROM (
                SELECT state.verb = 'finished' AND (
                    jsonb_typeof(state.payload -> 'signal') = 'string'
                    OR jsonb_typeof(state.payload -> 'exit_code') = 'number' AND state.payload -> 'exit_code' <> '0'
                ) IS TRUE AS bad
            ) AS outcome
            WHERE state.terminal
        ) AS ended ON TRUE
        LEFT JOIN LATERAL (
            -- The last event has the totals; before that, progress since the latest start counts.
            SELECT jsonb_strip_nulls(jsonb_build_object(
                'lines', CASE WHEN jsonb_typeof(source.payload -> 'lines') = 'number' THEN source.payload -> 'lines' END,
                'bytes', CASE WHEN jsonb_typeof(source.payload -> 'bytes') = 'number' THEN source.payload -> 'bytes' END,
                'percent', CASE
                    WHEN jsonb_typeof(source.payload -> 'percent') = 'number' THEN source.payload -> 'percent'
                END,
                'message', CASE
                    WHEN jsonb_typeof(source.payload -> 'message') = 'string' THEN left(source.payload ->> 'message', 500)
                END,
                'last_line', CASE
                    WHEN jsonb_typeof(source.payload -> 'last_line') = 'string'
                        THEN left(source.payload ->> 'last_line', 500)
                END
            )) AS progress
            FROM (
                SELECT CASE
                    WHEN state.terminal AND state.payload ?| ARRAY['lines', 'bytes', 'percent', 'last_line']
                        THEN state.payload
                    WHEN progress.seq > coalesce(started.seq, 0) THEN progress.payload
                END AS payload
            ) AS source
            WHERE source.payload IS NOT NULL
        ) AS live ON TRUE
        WHERE e.kind = p_kind AND e.id = ANY (p_ids)
        -- Keeps the summary from being built once more for what is read out of it.
        OFFSET 0
    ) AS s;
END
$$;

COMMENT ON FUNCTION khala_internal.summarize_entities(text, text[]) IS
'Summary documents from history. Arguments: entity kind, ids. Result: per known entity with at least one event its id, owner, last sequence number, summary (without projected_at), and what runtime.projection_checkpoints keeps in heartbeat_s. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.summarize_entities(text, text[]) FROM public;
