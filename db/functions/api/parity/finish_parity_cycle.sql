-- Ends a comparison: documents without a verdict count as unread, totals grow, and old cycles go.

CREATE OR REPLACE FUNCTION khala.finish_parity_cycle(p_cycle bigint, p_error text DEFAULT NULL)
RETURNS TABLE (sampled bigint, compared bigint, unread bigint, reasons jsonb, max_drift numeric)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    UPDATE runtime.parity_cycles AS c
    SET finished_at = clock_timestamp(), error = left(p_error, 1000)
    WHERE c.cycle = p_cycle AND c.finished_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'parity cycle % is not running', coalesce(p_cycle::text, 'NULL')
            USING ERRCODE = 'KH009', HINT = 'It has finished, or was started more than an hour ago and removed.';
    END IF;

    WITH left_over AS (
        DELETE FROM runtime.parity_samples AS s
        WHERE s.cycle = p_cycle
        RETURNING s.topic
    )
    INSERT INTO runtime.parity_counts (cycle, topic, reason, drift, documents)
    SELECT p_cycle, l.topic, 'unread', 0, count(*) FROM left_over AS l GROUP BY l.topic;

    INSERT INTO runtime.parity_cycle_totals AS t (outcome, cycles)
    VALUES (CASE WHEN p_error IS NULL THEN 'complete' ELSE 'failed' END, 1)
    ON CONFLICT (outcome) DO UPDATE SET cycles = t.cycles + excluded.cycles;
    INSERT INTO runtime.parity_document_totals AS t (topic, reason, documents)
    SELECT c.topic, c.reason, sum(c.documents) FROM runtime.parity_counts AS c
    WHERE c.cycle = p_cycle
    GROUP BY c.topic, c.reason
    ORDER BY c.topic, c.reason
    ON CONFLICT (topic, reason) DO UPDATE SET documents = t.documents + excluded.documents;

    PERFORM khala_internal.forget_parity_cycles(ARRAY(
        SELECT c.cycle FROM runtime.parity_cycles AS c
        WHERE c.finished_at < clock_timestamp() - interval '25 hours' OR c.cycle <= p_cycle - 10000
    ));

    RETURN QUERY
    SELECT
        (SELECT y.sampled::bigint FROM runtime.parity_cycles AS y WHERE y.cycle = p_cycle),
        coalesce(sum(c.documents) FILTER (WHERE c.reason <> 'unread'), 0)::bigint,
        coalesce(sum(c.documents) FILTER (WHERE c.reason = 'unread'), 0)::bigint,
        coalesce(jsonb_object_agg(c.reason, c.documents), '{}'),
        coalesce(max(c.max_drift), 0)
    FROM (
        SELECT r.reason, sum(r.documents) AS documents, max(r.drift) AS max_drift
        FROM runtime.parity_counts AS r
        WHERE r.cycle = p_cycle
        GROUP BY r.reason
    ) AS c;
END
$$;

COMMENT ON FUNCTION khala.finish_parity_cycle(bigint, text) IS
'Ends a cycle. Arguments: its number; why it compared nothing, NULL when it is complete. Result: documents in the sample, compared, and not read from the legacy backend; documents by reason; greatest drift. Cycles of the last 25 hours are kept, 10000 at most. Errors: KH009 the cycle is not running.';
REVOKE ALL ON FUNCTION khala.finish_parity_cycle(bigint, text) FROM public;
GRANT EXECUTE ON FUNCTION khala.finish_parity_cycle(bigint, text) TO khala_dba;
