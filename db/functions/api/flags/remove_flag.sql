-- Removes the flag of a surface that has moved for good: surfaces then keep the lane that they have.

CREATE OR REPLACE FUNCTION khala.remove_flag(p_surface text)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_surface IS NULL THEN
        RAISE EXCEPTION 'p_surface is NULL' USING ERRCODE = 'KH007', HINT = 'Pass the name of a surface: khala.list_flags().';
    END IF;
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', TRUE);
    END IF;
    DELETE FROM runtime.flags AS f WHERE f.surface = p_surface;
    RETURN FOUND;
END
$$;

COMMENT ON FUNCTION khala.remove_flag(text) IS
'Removes the flag of a surface. Argument: the surface. Result: whether it had one. Errors: KH007; 40001 above READ COMMITTED, when another session changed the flag since the snapshot.';
REVOKE ALL ON FUNCTION khala.remove_flag(text) FROM public;
GRANT EXECUTE ON FUNCTION khala.remove_flag(text) TO khala_dba;
