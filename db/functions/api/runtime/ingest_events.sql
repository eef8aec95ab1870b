-- Bulk path into the runtime's history: many events of many entities at once, all or none, each at most once by
-- entity, id and sequence number. After a failure with an unknown outcome the batch can be sent again. Each entity
-- with new events is projected once.

CREATE OR REPLACE FUNCTION khala.ingest_events(p_events jsonb)
RETURNS TABLE (received integer, appended integer, duplicates integer, projected integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_ordinal bigint;
    v_event jsonb;
    v_state text;
    v_message text;
    v_hint text;
    v_ordinals bigint[];
    v_kinds text[];
    v_ids text[];
    v_seqs bigint[];
    v_types text[];
    v_payloads jsonb[];
    v_org_ids text[];
    v_moments timestamptz[];
    v_kind text;
    v_locked bigint;
BEGIN
    IF jsonb_typeof(p_events) IS DISTINCT FROM 'array' THEN
        RAISE EXCEPTION 'p_events is %, not an array', coalesce('a JSON ' || jsonb_typeof(p_events), 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Send [{"entity": "run", "id": …, "seq": …, "type": …, "payload": {…}}, …].';
    END IF;
    received := jsonb_array_length(p_events);
    projected := 0;
    IF received > 10000 THEN
        RAISE EXCEPTION 'p_events has % events', received
            USING ERRCODE = 'KH007', HINT = 'Send at most 10000 in one call.';
    END IF;

    BEGIN
        FOR v_event, v_ordinal IN
            SELECT e.value, e.ordinality FROM jsonb_array_elements(p_events) WITH ORDINALITY AS e
        LOOP
            PERFORM khala_internal.check_event_document(v_event);
        END LOOP;
    EXCEPTION
        WHEN SQLSTATE 'KH004' OR SQLSTATE 'KH005' OR SQLSTATE 'KH007' THEN
            GET STACKED DIAGNOSTICS v_state = RETURNED_SQLSTATE, v_message = MESSAGE_TEXT, v_hint = PG_EXCEPTION_HINT;
            RAISE EXCEPTION '%', v_message
                USING ERRCODE = v_state, DETAIL = json_build_object('ordinal', v_ordinal), HINT = v_hint;
    END;

    SELECT
        array_agg(e.ordinal), array_agg(e.entity), array_agg(e.id), array_agg(e.seq), array_agg(e.type),
        array_agg(coalesce(e.payload, '{}')), array_agg(e.org_id), array_agg(e.occurred_at)
    INTO v_ordinals, v_kinds, v_ids, v_seqs, v_types, v_payloads, v_org_ids, v_moments
    FROM (
        SELECT r.* FROM ROWS FROM (
            jsonb_to_recordset(p_events) AS (
                entity text, id text, seq bigint, type text, payload jsonb, org_id text, occurred_at timestamptz
            )
        ) WITH ORDINALITY AS r (entity, id, seq, type, payload, org_id, occurred_at, ordinal)
    ) AS e;

    -- Entities are created and then locked in one order everywhere, so two batches cannot deadlock.
    INSERT INTO runtime.entities (kind, id, latest_seq, org_id)
    SELECT DISTINCT ON (i.kind, i.id) i.kind, i.id, 0, i.org_id
    FROM unnest(v_kinds, v_ids, v_seqs, v_org_ids, v_ordinals) AS i (kind, id, seq, org_id, ordinal)
    ORDER BY i.kind, i.id, i.seq, i.ordinal
    ON CONFLICT (kind, id) DO NOTHING;
    PERFORM e.id
    FROM runtime.entities AS e
    WHERE (e.kind, e.id) IN (SELECT i.kind, i.id FROM unnest(v_kinds, v_ids) AS i (kind, id))
    ORDER BY e.kind, e.id
    FOR NO KEY UPDATE;
    GET DIAGNOSTICS v_locked = ROW_COUNT;
    IF v_locked < (SELECT count(*) FROM (SELECT DISTINCT i.kind, i.id FROM unnest(v_kinds, v_ids) AS i (kind, id)) AS d) THEN
        RAISE serialization_failure USING MESSAGE = 'a run of the batch was archived meanwhile', HINT = 'Retry: the run is then named.';
    END IF;

    WITH incoming AS (
        SELECT i.*, e.latest_seq - e.unnumbered_count AS latest_seq, e.org_id AS owner,
            khala_internal.event_place(i.kind, i.id, i.seq, e.unnumbered_count) AS place,
            row_number() OVER same AS occurrence,
            first_value(i.event_type) OVER same AS first_type,
            first_value(i.payload) OVER same AS first_payload,
            first_value(i.occurred_at) OVER same AS first_occurred_at
        FROM unnest(v_ordinals, v_kinds, v_ids, v_seqs, v_types, v_payloads, v_org_ids, v_moments)
            AS i (ordinal, kind, id, seq, event_type, payload, org_id, occurred_at)
        INNER JOIN runtime.entities AS e ON i.kind = e.kind AND i.id = e.id
        WINDOW same AS (PARTITION BY i.kind, i.id, i.seq ORDER BY i.ordinal)
    ),
    judged AS (
        SELECT i.ordinal,
            CASE
                WHEN i.org_id IS DISTINCT FROM i.owner AND i.org_id IS NOT NULL THEN format(
                    '%s %L belongs to %s, not to organisation %L', i.kind, i.id,
                    coalesce('organisation ' || quote_literal(i.owner), 'nobody'), i.org_id
                )
                WHEN (
                    i.occurrence > 1 AND (
                        i.event_type = i.first_type AND i.payload = i.first_payload
                        AND coalesce(i.occurred_at, i.first_occurred_at) IS NOT DISTINCT FROM i.first_occurred_at
                    ) IS NOT TRUE
                ) OR (
                    i.seq <= i.latest_seq AND (
                        i.event_type = v.event_type AND i.payload = v.payload
                        AND coalesce(i.occurred_at, v.occurred_at) = v.occurred_at
                    ) IS NOT TRUE
                )
                    THEN format('event %s of %s %L is already there with other content', i.seq, i.kind, i.id)
                WHEN i.seq > i.latest_seq AND i.seq <> i.latest_seq + count(*) FILTER (
                    WHERE i.seq > i.latest_seq AND i.occurrence = 1
                ) OVER (PARTITION BY i.kind, i.id ORDER BY i.seq)
                    THEN format('event %s of %s %L would leave a gap: the last one is %s', i.seq, i.kind, i.id, i.latest_seq)
            END AS problem
        FROM incoming AS i
        LEFT JOIN runtime.entity_events AS v
            ON i.kind = v.kind AND i.id = v.id AND i.place = v.seq AND i.seq <= i.latest_seq
    )
    SELECT j.ordinal, j.problem INTO v_ordinal, v_message
    FROM judged AS j
    WHERE j.problem IS NOT NULL
    ORDER BY j.ordinal
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '%', v_message
            USING ERRCODE = 'KH009', DETAIL = json_build_object('ordinal', v_ordinal),
                HINT = 'Nothing of the batch was written. Events of an entity count without holes and never change, and its first event fixes the owner.';
    END IF;

    INSERT INTO runtime.entity_events (kind, id, seq, occurred_at, event_type, payload)
    SELECT DISTINCT ON (i.kind, i.id, i.seq)
        i.kind, i.id, i.seq + e.unnumbered_count, coalesce(i.occurred_at, clock_timestamp()), i.event_type, i.payload
    FROM unnest(v_ordinals, v_kinds, v_ids, v_seqs, v_types, v_payloads, v_moments)
        AS i (ordinal, kind, id, seq, event_type, payload, occurred_at)
    INNER JOIN runtime.entities AS e ON i.kind = e.kind AND i.id = e.id
    WHERE i.seq > e.latest_seq - e.unnumbered_count
    ORDER BY i.kind, i.id, i.seq, i.ordinal;
    GET DIAGNOSTICS appended = ROW_COUNT;
    duplicates := received - appended;

    FOR v_kind, v_ids IN
        WITH grown AS (
            UPDATE runtime.entities AS e
            SET latest_seq = m.latest_seq + e.unnumbered_count
            FROM (
                SELECT i.kind, i.id, max(i.seq) AS latest_seq
                FROM unnest(v_kinds, v_ids, v_seqs) AS i (kind, id, seq)
                GROUP BY i.kind, i.id
            ) AS m
            WHERE e.kind = m.kind AND e.id = m.id AND e.latest_seq - e.unnumbered_count < m.latest_seq
            RETURNING e.kind, e.id
        )
        SELECT g.kind, array_agg(g.id) FROM grown AS g GROUP BY g.kind ORDER BY g.kind
    LOOP
        PERFORM khala_internal.project_entities(v_kind, v_ids);
        projected := projected + cardinality(v_ids);
    END LOOP;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION khala.ingest_events(jsonb) IS
'Appends many events, all or none, each at most once. Argument: array of at most 10000 {"entity": "run" or "codex_worker", "id", "seq", "type", "payload"?, "org_id"?, "occurred_at"?}. Result: events received, appended, duplicates (there already with the same content), entities projected. Errors: (DETAIL {"ordinal": n} counts from 1) KH004 payload above 1 MiB, KH005 payload not I-JSON, KH007 malformed, KH009 gap, conflict, another owner, or an archived run; 40001 when a run is archived meanwhile.';
REVOKE ALL ON FUNCTION khala.ingest_events(jsonb) FROM public;
GRANT EXECUTE ON FUNCTION khala.ingest_events(jsonb) TO khala_runtime;
