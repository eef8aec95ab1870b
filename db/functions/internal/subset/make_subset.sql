-- Subset of a topic's keys, in the form that the functions which read it take: {"lengths": […], "marks": {…}}, with
-- marks as khala_internal.key_marks makes them. Equal subsets are equal JSON. A prefix within another adds nothing and
-- is left out, so that no document is found twice.

CREATE OR REPLACE FUNCTION khala_internal.make_subset(p_beginnings text[], p_are_keys boolean)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT p_are_keys AND '' = ANY (p_beginnings) THEN
        RETURN NULL;
    END IF;
    RETURN (
        SELECT jsonb_build_object(
            'lengths', coalesce(jsonb_agg(DISTINCT w.length), '[]'),
            'marks', coalesce(jsonb_object_agg(m.mark, NULL), '{}')
        )
        FROM (
            SELECT b.beginning, CASE WHEN p_are_keys THEN 0 ELSE length(b.beginning) END AS length
            FROM unnest(p_beginnings) AS b (beginning)
            WHERE p_are_keys OR NOT EXISTS (
                SELECT FROM unnest(p_beginnings) AS o (beginning)
                WHERE o.beginning <> b.beginning AND starts_with(b.beginning, o.beginning)
            )
        ) AS w
        CROSS JOIN LATERAL khala_internal.key_marks(w.beginning, ARRAY[w.length]) AS m
    );
END
$$;

COMMENT ON FUNCTION khala_internal.make_subset(text[], boolean) IS
'Internal: subset of the keys of a topic. Arguments: keys or prefixes of keys; whether they are keys. Result: {"lengths", "marks"}; null when one of the prefixes is empty: all keys. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.make_subset(text[], boolean) FROM public;
