-- Lists the flags of all surfaces.

CREATE OR REPLACE FUNCTION khala.list_flags()
RETURNS TABLE (
    surface text, lane text, percent numeric, people text[], changed_at timestamptz, changed_by text
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT f.surface, f.lane, f.percent, f.people, f.changed_at, f.changed_by
    FROM runtime.flags AS f
    ORDER BY f.surface COLLATE "C";
END
$$;

COMMENT ON FUNCTION khala.list_flags() IS
'All flags, by surface. Arguments: none. Result: lane, share in percent and people of each, and who changed it last. Errors: none.';
REVOKE ALL ON FUNCTION khala.list_flags() FROM public;
GRANT EXECUTE ON FUNCTION khala.list_flags() TO khala_dba;
