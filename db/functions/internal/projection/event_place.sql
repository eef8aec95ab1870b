-- Place in an entity's history of the event to which its writer gives a number. Writers count 1, 2, 3 … and do not know
-- of the events that Khala appends in between; so a writer that comes back goes on counting, and events that it
-- kept in a file are loaded later.

CREATE OR REPLACE FUNCTION khala_internal.event_place(p_kind text, p_id text, p_seq bigint, p_unnumbered_count bigint)
RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_unnumbered_count = 0 THEN
        RETURN p_seq;
    END IF;
    RETURN p_seq + (
        SELECT count(*)
        FROM (
            SELECT v.seq - row_number() OVER (ORDER BY v.seq) AS written_before
            FROM runtime.entity_events AS v
            WHERE v.kind = p_kind AND v.id = p_id
                AND v.event_type = ANY (khala_internal.own_event_types())
        ) AS own
        WHERE own.written_before < p_seq
    );
END
$$;

COMMENT ON FUNCTION khala_internal.event_place(text, text, bigint, bigint) IS
'Place of a writer''s event in an entity''s history. Arguments: entity kind, its id, the writer''s number of the event, unnumbered_count of the entity. Result: the sequence number that the event has or would get in runtime.entity_events. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.event_place(text, text, bigint, bigint) FROM public;
