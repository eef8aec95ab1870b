-- Sum of two histograms.

CREATE OR REPLACE FUNCTION khala_internal.add_counts(p_one jsonb, p_other jsonb)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_object_agg(s.key, s.number), '{}')
        FROM (
            SELECT b.key, sum(b.value::bigint) AS number
            FROM (SELECT o.* FROM jsonb_each_text(p_one) AS o UNION ALL SELECT o.* FROM jsonb_each_text(p_other) AS o) AS b
            GROUP BY b.key
        ) AS s
    );
END
$$;

COMMENT ON FUNCTION khala_internal.add_counts(jsonb, jsonb) IS
'Internal: sum of two objects of counts. Arguments: the objects, whose values are whole numbers. Result: an object with the keys of both. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.add_counts(jsonb, jsonb) FROM public;
