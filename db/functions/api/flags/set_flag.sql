-- Creates or changes the flag of a surface. What is not given stays, so that a rollback to the legacy backend keeps
-- for whom the surface had moved; a new flag moves nobody.

CREATE OR REPLACE FUNCTION khala.set_flag(
    p_surface text, p_lane text DEFAULT NULL, p_percent numeric DEFAULT NULL, p_people text[] DEFAULT NULL
)
RETURNS TABLE (surface text, lane text, percent numeric, people text[])
LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF p_surface IS NULL OR p_surface !~ '^[a-z][a-z0-9_.-]{0,63}$' THEN
        RAISE EXCEPTION 'p_surface is %', coalesce(quote_literal(left(p_surface, 64)), 'NULL')
            USING ERRCODE = 'KH007',
                HINT = 'Use 1 to 64 characters: a lower-case letter, then lower-case letters, digits, and . _ -';
    END IF;
    IF p_lane NOT IN ('legacy', 'khala') THEN
        RAISE EXCEPTION 'p_lane is %', quote_literal(left(p_lane, 64))
            USING ERRCODE = 'KH007', HINT = 'Use legacy (for everybody) or khala (for the share and the people named).';
    END IF;
    IF p_percent NOT BETWEEN 0 AND 100 OR p_percent <> round(p_percent, 2) THEN
        RAISE EXCEPTION 'p_percent is %', p_percent
            USING ERRCODE = 'KH007', HINT = 'Use 0 to 100, with at most two decimals.';
    END IF;
    IF cardinality(p_people) > 1000 THEN
        RAISE EXCEPTION 'p_people names % subjects', cardinality(p_people)
            USING ERRCODE = 'KH007', HINT = 'Name at most 1000; raise p_percent for more.';
    END IF;
    IF EXISTS (SELECT FROM unnest(p_people) AS n (subject) WHERE n.subject IS NULL OR length(n.subject) NOT BETWEEN 1 AND 400) THEN
        RAISE EXCEPTION 'p_people has a subject that is null, empty or longer than 400 characters'
            USING ERRCODE = 'KH007', HINT = 'Name subjects as tokens do, in sub.';
    END IF;
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', TRUE);
    END IF;
    RETURN QUERY
    INSERT INTO runtime.flags AS f (surface, lane, percent, people)
    VALUES (
        p_surface, coalesce(p_lane, 'legacy'), coalesce(p_percent, 0),
        ARRAY(SELECT DISTINCT n.subject COLLATE "C" FROM unnest(p_people) AS n (subject) ORDER BY 1)
    )
    ON CONFLICT (surface) DO UPDATE SET
        lane = coalesce(p_lane, f.lane),
        percent = coalesce(p_percent, f.percent),
        people = CASE WHEN p_people IS NULL THEN f.people ELSE excluded.people END,
        changed_at = excluded.changed_at,
        changed_by = excluded.changed_by
    RETURNING f.surface, f.lane, f.percent, f.people;
END
$$;

COMMENT ON FUNCTION khala.set_flag(text, text, numeric, text[]) IS
'Creates or changes the flag of a surface. Arguments: surface; lane, legacy (for everybody) or khala (for the share and the people named); share of all subjects in percent, with two decimals; subjects besides; null leaves each as it is: legacy, 0 and none in a new flag. Result: the flag. Errors: KH007; 40001 above READ COMMITTED, when another session changed the flag since the snapshot.';
REVOKE ALL ON FUNCTION khala.set_flag(text, text, numeric, text[]) FROM public;
GRANT EXECUTE ON FUNCTION khala.set_flag(text, text, numeric, text[]) TO khala_dba;
