-- The lane of each surface for one subject: the only place that decides it.

CREATE OR REPLACE FUNCTION khala.flags_of(p_subject text)
RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_subject IS NULL OR p_subject = '' THEN
        RAISE EXCEPTION 'p_subject is empty' USING ERRCODE = 'KH007', HINT = 'Pass the subject of a token.';
    END IF;
    RETURN (
        SELECT jsonb_build_object('flags', coalesce(jsonb_object_agg(
            f.surface,
            CASE
                WHEN f.lane = 'khala'
                    AND (p_subject = ANY(f.people) OR khala_internal.cohort(f.surface, p_subject) < f.percent * 100)
                    THEN 'khala'
                ELSE 'legacy'
            END
        ), '{}'))
        FROM runtime.flags AS f
    );
END
$$;

COMMENT ON FUNCTION khala.flags_of(text) IS
'Lane of each surface for a subject. Argument: subject of a token. Result: {"flags": {surface: "legacy" or "khala"}}; a surface without a flag is not in it. Errors: KH007.';
REVOKE ALL ON FUNCTION khala.flags_of(text) FROM public;
GRANT EXECUTE ON FUNCTION khala.flags_of(text) TO khala_relay;
