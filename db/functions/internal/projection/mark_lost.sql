-- Marks the entities whose heartbeats have stopped: appends a lost event to each and projects it, as for any other
-- event. Only this server's clock counts, and only the time that the server was up: a writer cannot reach one that is
-- down. An entity that a writer or another caller has locked is left alone; one that has moved on since it was looked
-- at no longer equals its checkpoint. The next event of its writer puts an entity back to work.

CREATE OR REPLACE FUNCTION khala_internal.mark_lost(p_kind text, p_after interval, p_limit integer)
RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_projection text;
    v_event_type text;
    v_now timestamptz := clock_timestamp();
    v_ids text[];
    v_payloads jsonb[];
BEGIN
    SELECT p.projection, p.event_prefix || 'lost' INTO v_projection, v_event_type
    FROM khala_internal.projection_of(p_kind) AS p;

    SELECT array_agg(s.id), array_agg(jsonb_build_object('reason', 'no event since ' || khala_internal.iso_timestamp(s.recorded_at)))
    INTO v_ids, v_payloads
    FROM (
        SELECT e.id, v.recorded_at
        FROM runtime.projection_checkpoints AS c
        INNER JOIN runtime.entities AS e
            ON e.kind = p_kind AND c.entity_id = e.id AND c.last_seq = e.latest_seq
        INNER JOIN runtime.entity_events AS v ON v.kind = p_kind AND e.id = v.id AND e.latest_seq = v.seq
        WHERE c.projection = v_projection AND c.heartbeat_s IS NOT NULL
            AND greatest(v.recorded_at, pg_postmaster_start_time())
            < (v_now AT TIME ZONE 'UTC' - greatest(p_after, make_interval(secs => 3 * c.heartbeat_s::double precision)))
            AT TIME ZONE 'UTC'
        ORDER BY e.id
        LIMIT p_limit
        FOR NO KEY UPDATE OF e SKIP LOCKED
    ) AS s;
    IF v_ids IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM khala_internal.append_own_events(p_kind, v_event_type, v_ids, v_payloads);
    RETURN cardinality(v_ids);
END
$$;

COMMENT ON FUNCTION khala_internal.mark_lost(text, interval, integer) IS
'Marks entities as lost whose heartbeats have stopped. Arguments: entity kind; shortest silence that counts, which is three times the announced interval where that is longer; most entities to mark. Result: how many were marked. Errors: those of khala.sink_batch.';
REVOKE ALL ON FUNCTION khala_internal.mark_lost(text, interval, integer) FROM public;
