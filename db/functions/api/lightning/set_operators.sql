-- Sets the organisation that owns the documents of what belongs to no owner. Documents written before keep theirs
-- until they change.

CREATE OR REPLACE FUNCTION lightning.set_operators(p_org_id text)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_org_id IS NULL OR length(p_org_id) NOT BETWEEN 1 AND 200 THEN
        RAISE EXCEPTION 'p_org_id has % characters', coalesce(length(p_org_id), 0)
            USING ERRCODE = 'KH007', HINT = 'Pass an organisation of 1 to 200 characters.';
    END IF;
    UPDATE lightning.security_global AS g SET operators_org_id = p_org_id WHERE g.state_id = 'global';
END
$$;

COMMENT ON FUNCTION lightning.set_operators(text) IS
'Sets the organisation of the operators. Argument: the organisation. Errors: KH007.';
REVOKE ALL ON FUNCTION lightning.set_operators(text) FROM public;
GRANT EXECUTE ON FUNCTION lightning.set_operators(text) TO khala_dba;
