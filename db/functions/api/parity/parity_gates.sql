-- Gates of a cutover. Where nothing was compared no gate is met.

CREATE OR REPLACE FUNCTION khala.parity_gates(p_window interval DEFAULT '1 hour')
RETURNS TABLE (gate text, is_met boolean, found numeric, allowed text)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 6
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT g.gate, coalesce(g.is_met AND w.compared > 0, FALSE), g.found, g.allowed
    FROM khala.parity_window(p_window) AS w
    CROSS JOIN (
        -- Of the worst topic: a small one that is not read at all is a small share of the whole.
        SELECT max(t.unread / nullif(t.sampled, 0)) AS unread_rate
        FROM (
            SELECT sum(n.documents) AS sampled, coalesce(sum(n.documents) FILTER (WHERE n.reason = 'unread'), 0) AS unread
            FROM runtime.parity_cycles AS c
            INNER JOIN runtime.parity_counts AS n ON c.cycle = n.cycle
            WHERE c.finished_at > clock_timestamp() - p_window
            GROUP BY n.topic
        ) AS t
    ) AS u
    CROSS JOIN LATERAL (
        VALUES
        ('compared', TRUE, w.compared::numeric, 'at least 1 document'),
        (
            'last_cycle_age', w.last_cycle_age <= interval '10 minutes',
            round(extract(EPOCH FROM w.last_cycle_age), 1), 'at most 600 seconds'
        ),
        ('unread_rate', u.unread_rate <= 0.05, round(u.unread_rate, 6), 'at most 0.05'),
        ('mismatch_rate', w.mismatch_rate < 0.01, w.mismatch_rate, 'below 0.01'),
        ('missing', w.missing = 0, w.missing::numeric, '0 documents'),
        ('p95_drift', w.p95_drift = 0, w.p95_drift, '0 sequence numbers')
    ) AS g (gate, is_met, found, allowed);
END
$$;

COMMENT ON FUNCTION khala.parity_gates(interval) IS
'Gates of a cutover. Argument: the time until now that they look at, 1 second to 24 hours. Result: per gate its name (compared, last_cycle_age, unread_rate, mismatch_rate, missing, p95_drift), whether it is met, what was found (NULL: nothing was compared) and what is allowed. Errors: KH007.';
REVOKE ALL ON FUNCTION khala.parity_gates(interval) FROM public;
GRANT EXECUTE ON FUNCTION khala.parity_gates(interval) TO khala_dba;
