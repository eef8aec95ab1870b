-- History of an entity after a sequence number. Payloads are of very different sizes, and a page is bounded in bytes:
-- rows are read one by one, so that none is read that the page has no room for.

CREATE OR REPLACE FUNCTION khala_internal.entity_events(
    p_kind text, p_org_id text, p_id text, p_after bigint, p_limit integer
)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_event record;
    v_events jsonb[] := ARRAY[]::jsonb[];
    v_bytes integer := 0;
    v_latest_seq bigint;
    v_after bigint := p_after;
BEGIN
    IF p_after IS NULL OR p_after < 0 THEN
        RAISE EXCEPTION 'invalid_after' USING ERRCODE = 'KH020', HINT = 'Use 0, or the next_after of the page before.';
    ELSIF p_limit IS NULL OR p_limit NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION 'invalid_limit' USING ERRCODE = 'KH020', HINT = 'Use 1 to 1000.';
    END IF;
    SELECT e.latest_seq INTO v_latest_seq
    FROM runtime.entities AS e
    WHERE e.kind = p_kind AND e.id = p_id AND e.org_id = p_org_id;
    IF NOT FOUND THEN
        PERFORM khala_internal.refuse_entity(p_kind, p_id);
    END IF;
    FOR v_event IN
        SELECT v.seq, v.event_type, v.occurred_at, v.recorded_at, v.payload
        FROM runtime.entity_events AS v
        WHERE v.kind = p_kind AND v.id = p_id AND v.seq > p_after
        ORDER BY v.seq
        LIMIT p_limit
    LOOP
        v_events := v_events || jsonb_build_object(
            'seq', v_event.seq, 'type', v_event.event_type, 'payload', v_event.payload,
            'occurred_at', khala_internal.iso_timestamp(v_event.occurred_at),
            'recorded_at', khala_internal.iso_timestamp(v_event.recorded_at)
        );
        v_after := v_event.seq;
        v_bytes := v_bytes + octet_length(v_event.payload::text);
        EXIT WHEN v_bytes >= 1048576;
    END LOOP;
    RETURN jsonb_build_object(
        'events', to_jsonb(v_events), 'next_after', v_after, 'latest_seq', v_latest_seq
    );
END
$$;

COMMENT ON FUNCTION khala_internal.entity_events(text, text, text, bigint, integer) IS
'Events of an entity. Arguments: entity kind; organisation; id; sequence number after which to begin; most events of a page, 1 to 1000; a page ends after 1 MiB. Result: {"events": [{"seq", "type", "payload", "occurred_at", "recorded_at"}], "next_after": for the next page, "latest_seq"}; there is more where next_after is below latest_seq. Errors: KH020; KH023 the organisation has no such entity.';
REVOKE ALL ON FUNCTION khala_internal.entity_events(text, text, text, bigint, integer) FROM public;
