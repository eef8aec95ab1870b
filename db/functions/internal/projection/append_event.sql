-- Appends one event to the history of an entity and projects it, in the caller's transaction. The entity's row
-- allocates the sequence numbers and stays locked until the transaction ends, so events of one entity commit in
-- their order. A caller that passes the sequence number may repeat the call until it succeeds. Sequence numbers count
-- the writers' events: khala_internal.event_place says where in the history one stands.

CREATE OR REPLACE FUNCTION khala_internal.append_event(
    p_kind text,
    p_id text,
    p_event_type text,
    p_payload jsonb,
    p_org_id text,
    p_seq bigint,
    p_occurred_at timestamptz
)
RETURNS TABLE (seq bigint, outcome text, watermark bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_seq bigint;
    v_latest bigint;
    v_unnumbered_count bigint;
    v_org_id text;
    v_appended boolean := FALSE;
    v_same boolean;
    v_watermark bigint;
BEGIN
    PERFORM khala_internal.check_event(p_kind, p_id, p_event_type, p_payload, p_org_id, p_seq, p_occurred_at);

    LOOP
        UPDATE runtime.entities AS e
        SET latest_seq = e.latest_seq + 1
        WHERE e.kind = p_kind AND e.id = p_id AND (p_seq IS NULL OR e.latest_seq - e.unnumbered_count = p_seq - 1)
        RETURNING e.latest_seq, e.unnumbered_count, e.org_id INTO v_seq, v_unnumbered_count, v_org_id;
        v_appended := FOUND;
        EXIT WHEN v_appended;

        IF p_seq IS NULL OR p_seq = 1 THEN
            INSERT INTO runtime.entities AS e (kind, id, latest_seq, org_id)
            VALUES (p_kind, p_id, 1, p_org_id)
            ON CONFLICT (kind, id) DO NOTHING
            RETURNING e.latest_seq, e.unnumbered_count, e.org_id INTO v_seq, v_unnumbered_count, v_org_id;
            v_appended := FOUND;
            EXIT WHEN v_appended;
        END IF;

        IF p_seq IS NOT NULL THEN
            SELECT e.latest_seq - e.unnumbered_count, e.unnumbered_count, e.org_id INTO v_latest, v_unnumbered_count, v_org_id
            FROM runtime.entities AS e
            WHERE e.kind = p_kind AND e.id = p_id;
            EXIT WHEN v_latest >= p_seq;
            -- Otherwise another writer has just appended the previous event: try again.
            IF v_latest IS DISTINCT FROM p_seq - 1 THEN
                RAISE EXCEPTION 'event % of % % would leave a gap: the last one is %',
                    p_seq, p_kind, quote_literal(p_id), coalesce(v_latest, 0)
                    USING ERRCODE = 'KH009', HINT = 'Append the events in between first.';
            END IF;
        END IF;
    END LOOP;

    IF p_org_id IS NOT NULL AND p_org_id IS DISTINCT FROM v_org_id THEN
        RAISE EXCEPTION '% % belongs to %, not to organisation %', p_kind, quote_literal(p_id),
            coalesce('organisation ' || quote_literal(v_org_id), 'nobody'), quote_literal(p_org_id)
            USING ERRCODE = 'KH009', HINT = 'The first event fixes the owner; leave the organisation out of later ones, or use another id.';
    END IF;

    IF NOT v_appended THEN
        SELECT v.event_type = p_event_type AND v.payload = p_payload
            AND (p_occurred_at IS NULL OR v.occurred_at = p_occurred_at)
        INTO v_same
        FROM runtime.entity_events AS v
        WHERE v.kind = p_kind AND v.id = p_id
            AND v.seq = khala_internal.event_place(p_kind, p_id, p_seq, v_unnumbered_count);
        IF v_same IS NOT TRUE THEN
            RAISE EXCEPTION 'event % of % % is already there with other content', p_seq, p_kind, quote_literal(p_id)
                USING ERRCODE = 'KH009', HINT = 'Another writer uses this id: choose another one, or append without a sequence number.';
        END IF;
        RETURN QUERY SELECT p_seq, 'duplicate', NULL::bigint;
        RETURN;
    END IF;

    INSERT INTO runtime.entity_events (kind, id, seq, occurred_at, event_type, payload)
    VALUES (p_kind, p_id, v_seq, coalesce(p_occurred_at, clock_timestamp()), p_event_type, p_payload);
    SELECT p.watermark INTO v_watermark FROM khala_internal.project_entities(p_kind, ARRAY[p_id]) AS p;
    RETURN QUERY SELECT v_seq - v_unnumbered_count, 'appended', v_watermark;
END
$$;

COMMENT ON FUNCTION khala_internal.append_event(text, text, text, jsonb, text, bigint, timestamptz) IS
'Appends an event to an entity and projects it. Arguments: entity kind, its id, event type, payload, owner organisation (fixed by the first event; NULL keeps it), sequence number (NULL: the next one), time (NULL: now). Result: sequence number, appended or duplicate (the event is there already; nothing is written), watermark of the summary (NULL when nothing was written). Errors: KH004, KH005, KH007 as khala_internal.check_event, KH009 gap, other content under this number, or another owner.';
REVOKE ALL ON FUNCTION khala_internal.append_event(text, text, text, jsonb, text, bigint, timestamptz) FROM public;
