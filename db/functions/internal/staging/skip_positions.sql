-- Moves the sequence of a grouped topic on to the last position that the rows have, which a logical copy leaves it
-- behind. Of several that find it behind, the others wait and then find it moved. setval takes effect at once, whatever
-- becomes of the transaction.

CREATE OR REPLACE FUNCTION khala_internal.skip_positions(p_topic text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('khala.skip_positions ' || p_topic, 0));
    -- The rows first: no row that they show can be above the sequence unless it was copied.
    PERFORM setval(g.positions, g.given_out)
    FROM (
        SELECT
            s.positions,
            greatest(
                s.settled, s.next_settled, (SELECT max(w.position) FROM runtime.sync_staged_writes AS w WHERE w.topic = p_topic)
            ) AS given_out
        FROM runtime.sync_topic_staging AS s
        WHERE s.topic = p_topic
        OFFSET 0
    ) AS g
    WHERE g.given_out > coalesce(pg_sequence_last_value(g.positions), 0);
END
$$;

COMMENT ON FUNCTION khala_internal.skip_positions(text) IS
'Internal: moves the sequence of a grouped topic on to the last position in use, never back; nothing for a direct topic. Argument: topic. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.skip_positions(text) FROM public;
