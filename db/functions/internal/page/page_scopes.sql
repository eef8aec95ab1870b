-- Scopes of a session of the admin page: every topic of now, the scopes of operators, and those of administrators.

CREATE OR REPLACE FUNCTION khala_internal.page_scopes(p_org_ids text[])
RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT coalesce(array_agg(t.topic ORDER BY t.topic COLLATE "C"), '{}') FROM runtime.sync_topics AS t)
        || '{lightning.operate,runtime.operate,khala.admin}'::text[]
        || CASE WHEN p_org_ids IS NULL THEN '{khala.admin.all}'::text[] END;
END
$$;

COMMENT ON FUNCTION khala_internal.page_scopes(text[]) IS
'Internal: scopes of a session of the admin page. Argument: its organisations, null for any. Result: topics by name, then scopes that are none. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.page_scopes(text[]) FROM public;
