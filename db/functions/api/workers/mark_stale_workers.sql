-- Tells subscribers of codex workers whose heartbeats have become stale, by an event in their histories. Relays call it
-- every few seconds; without a relay a job of pg_cron may. Any number of callers at once mark each worker once, and the
-- next heartbeat makes it fresh. On a standby the primary's relays do it.

CREATE OR REPLACE FUNCTION khala.mark_stale_workers(p_limit integer DEFAULT 1000)
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- As in khala.mark_lost_runs: in a deadlock the writer goes on.
SET lock_timeout = '500ms'
AS $$
DECLARE
    v_ids text[];
    v_payloads jsonb[];
BEGIN
    IF p_limit IS NULL OR p_limit NOT BETWEEN 1 AND 10000 THEN
        RAISE EXCEPTION 'p_limit is %', coalesce(p_limit::text, 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use 1 to 10000 workers; the default is 1000.';
    END IF;
    IF current_setting('transaction_read_only')::boolean THEN
        RETURN 0;
    END IF;

    -- A worker that has moved on since it was looked at no longer equals its checkpoint.
    SELECT array_agg(s.id), array_agg(jsonb_build_object('heartbeat_at', khala_internal.iso_timestamp(s.heartbeat_at)))
    INTO v_ids, v_payloads
    FROM (
        SELECT e.id, h.heartbeat_at
        FROM runtime.projection_checkpoints AS c
        INNER JOIN runtime.entities AS e
            ON e.kind = 'codex_worker' AND c.entity_id = e.id AND c.last_seq = e.latest_seq
        CROSS JOIN LATERAL (
            SELECT v.recorded_at AS heartbeat_at
            FROM runtime.entity_events AS v
            WHERE v.kind = 'codex_worker' AND v.id = e.id AND v.event_type = 'worker.heartbeat'
            ORDER BY -v.seq
            LIMIT 1
        ) AS h
        WHERE c.projection = 'codex_worker_summary' AND c.heartbeat_s IS NOT NULL
            AND khala_internal.heartbeat_state('running', h.heartbeat_at, clock_timestamp()) = 'stale'
        ORDER BY e.id
        LIMIT p_limit
        FOR NO KEY UPDATE OF e SKIP LOCKED
    ) AS s;
    IF v_ids IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM khala_internal.append_own_events('codex_worker', 'worker.stale', v_ids, v_payloads);
    RETURN cardinality(v_ids);
END
$$;

COMMENT ON FUNCTION khala.mark_stale_workers(integer) IS
'Marks codex workers whose last heartbeat is stale: appends worker.stale to their histories. Argument: most workers to mark. Result: how many were marked, 0 in a read-only transaction; call it again when it is p_limit. Errors: KH007; 55P03 when a writer holds the topic for half a second, and nothing is marked.';
REVOKE ALL ON FUNCTION khala.mark_stale_workers(integer) FROM public;
GRANT EXECUTE ON FUNCTION khala.mark_stale_workers(integer) TO khala_relay, khala_dba;
