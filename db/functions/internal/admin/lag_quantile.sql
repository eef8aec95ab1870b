-- A quantile of delivery lags that were counted by upper bound, as Prometheus' histogram_quantile finds it: linear
-- between the bounds, and the last finite bound for what lies beyond.

CREATE OR REPLACE FUNCTION khala_internal.lag_quantile(p_lag jsonb, p_share numeric)
RETURNS numeric
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        WITH counted AS (
            SELECT
                nullif(b.key, '+Inf')::numeric AS bound,
                b.value::numeric AS number,
                sum(b.value::numeric) OVER w AS up_to,
                coalesce(lag(b.key::numeric) OVER w, 0) AS beyond
            FROM jsonb_each_text(p_lag - '+Inf') AS b
            WINDOW w AS (ORDER BY b.key::numeric)
        ),
        wanted AS (
            SELECT p_share * sum(b.value::numeric) AS rank FROM jsonb_each_text(p_lag) AS b
        )
        SELECT round(coalesce(
            (
                SELECT c.beyond + (c.bound - c.beyond) * (w.rank - (c.up_to - c.number)) / c.number
                FROM counted AS c
                WHERE c.up_to >= w.rank AND c.number > 0
                ORDER BY c.bound
                LIMIT 1
            ),
            (SELECT max(c.bound) FROM counted AS c)
        ), 6)
        FROM wanted AS w
        WHERE w.rank > 0
    );
END
$$;

COMMENT ON FUNCTION khala_internal.lag_quantile(jsonb, numeric) IS
'Internal: a quantile of delivery lags. Arguments: their number by upper bound in seconds, the last of which may be +Inf; share, above 0 to 1. Result: seconds; null when there is none. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.lag_quantile(jsonb, numeric) FROM public;
