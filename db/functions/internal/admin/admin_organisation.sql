-- What a token lets an administrator read: the documents of its own organisation and the public ones, or everything.
-- The one place that decides it, for every function of api/admin.

CREATE OR REPLACE FUNCTION khala_internal.admin_organisation(p_org_id text, p_scopes text[], p_whole boolean DEFAULT FALSE)
RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF 'khala.admin' = ANY(p_scopes) IS NOT TRUE THEN
        RAISE EXCEPTION 'the token does not have the scope khala.admin'
            USING ERRCODE = 'KH025', HINT = 'Open the page with a link of `khala page`, or make a token with this scope.';
    ELSIF 'khala.admin.all' = ANY(p_scopes) THEN
        RETURN NULL;
    ELSIF p_whole OR p_org_id IS NULL THEN
        RAISE EXCEPTION 'this is of the whole installation, and the token is for one organisation'
            USING ERRCODE = 'KH025', HINT = 'Make a link without --org: its session also has the scope khala.admin.all.';
    END IF;
    RETURN p_org_id;
END
$$;

COMMENT ON FUNCTION khala_internal.admin_organisation(text, text[], boolean) IS
'Internal: the organisation whose documents a token lets an administrator read. Arguments: organisation and scopes of the token; whether what is read is of the whole installation. Result: the organisation; null for a token with khala.admin.all, which reads everything. Errors: KH025.';
REVOKE ALL ON FUNCTION khala_internal.admin_organisation(text, text[], boolean) FROM public;
