-- What the comparisons of the last hour, or of another time, say together.

CREATE OR REPLACE FUNCTION khala.parity_window(p_window interval DEFAULT '1 hour')
RETURNS TABLE (
    cycles bigint, failed bigint, compared bigint, mismatches bigint, missing bigint, unread bigint,
    mismatch_rate numeric, max_drift numeric, p95_drift numeric, last_cycle_age interval
)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
BEGIN
    IF p_window IS NULL OR p_window NOT BETWEEN interval '1 second' AND interval '24 hours' THEN
        RAISE EXCEPTION 'p_window is %', coalesce(p_window::text, 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use 1 second to 24 hours.';
    END IF;
    RETURN QUERY
    WITH recent AS (
        SELECT c.cycle, c.error FROM runtime.parity_cycles AS c
        WHERE c.finished_at > v_now - p_window
    ),
    verdicts AS (
        SELECT n.reason, n.drift, sum(n.documents) AS documents
        FROM recent AS r
        INNER JOIN runtime.parity_counts AS n ON r.cycle = n.cycle
        GROUP BY n.reason, n.drift
    ),
    counted AS (
        SELECT
            coalesce(sum(v.documents) FILTER (WHERE v.reason <> 'unread'), 0)::bigint AS compared,
            coalesce(sum(v.documents) FILTER (WHERE v.reason NOT IN ('none', 'unread')), 0)::bigint AS mismatches,
            coalesce(sum(v.documents) FILTER (WHERE v.reason IN ('khala_missing', 'legacy_missing')), 0)::bigint AS missing,
            coalesce(sum(v.documents) FILTER (WHERE v.reason = 'unread'), 0)::bigint AS unread,
            max(v.drift) FILTER (WHERE v.reason <> 'unread') AS max_drift
        FROM verdicts AS v
    ),
    ordered AS (
        SELECT v.drift, sum(v.documents) OVER (ORDER BY v.drift) AS up_to
        FROM verdicts AS v
        WHERE v.reason <> 'unread'
    )
    SELECT
        (SELECT count(*) FROM recent AS r WHERE r.error IS NULL),
        (SELECT count(*) FROM recent AS r WHERE r.error IS NOT NULL),
        c.compared, c.mismatches, c.missing, c.unread,
        round(c.mismatches / nullif(c.compared, 0)::numeric, 6),
        c.max_drift,
        (SELECT min(o.drift) FROM ordered AS o WHERE o.up_to >= 0.95 * c.compared),
        v_now - (SELECT max(y.finished_at) FROM runtime.parity_cycles AS y WHERE y.error IS NULL)
    FROM counted AS c;
END
$$;

COMMENT ON FUNCTION khala.parity_window(interval) IS
'Comparisons with the legacy backend in a time until now. Argument: its length, 1 second to 24 hours. Result: complete and failed cycles; documents compared, mismatching, missing on a side (they mismatch, too), and not read; share of mismatches, greatest drift and the drift that 95 of 100 do not exceed (NULL when nothing was compared); age of the last complete cycle, whenever it was (NULL: none). Errors: KH007.';
REVOKE ALL ON FUNCTION khala.parity_window(interval) FROM public;
GRANT EXECUTE ON FUNCTION khala.parity_window(interval) TO khala_dba;
