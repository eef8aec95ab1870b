-- Appends an event of Khala's own to each of some entities, and projects them. The caller has locked them.

CREATE OR REPLACE FUNCTION khala_internal.append_own_events(
    p_kind text, p_event_type text, p_ids text[], p_payloads jsonb[]
)
RETURNS TABLE (id text, seq bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH grown AS (
        UPDATE runtime.entities AS e
        SET latest_seq = e.latest_seq + 1, unnumbered_count = e.unnumbered_count + 1
        FROM unnest(p_ids, p_payloads) AS i (id, payload)
        WHERE e.kind = p_kind AND e.id = i.id
        RETURNING e.id, e.latest_seq, i.payload
    )
    INSERT INTO runtime.entity_events (kind, id, seq, occurred_at, event_type, payload)
    SELECT p_kind, g.id, g.latest_seq, clock_timestamp(), p_event_type, g.payload
    FROM grown AS g
    RETURNING id, seq;
    PERFORM khala_internal.project_entities(p_kind, p_ids);
END
$$;

COMMENT ON FUNCTION khala_internal.append_own_events(text, text, text[], jsonb[]) IS
'Appends events of Khala''s own and projects their entities. Arguments: entity kind; one of khala_internal.own_event_types; ids of entities that the caller has locked; a payload for each. Result: per entity its id and the sequence number of the event. Errors: those of khala.sink_batch.';
REVOKE ALL ON FUNCTION khala_internal.append_own_events(text, text, text[], jsonb[]) FROM public;
