-- Flags of surfaces, for administrators.

CREATE OR REPLACE FUNCTION khala.admin_flags(p_org_id text, p_scopes text[])
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM khala_internal.admin_organisation(p_org_id, p_scopes, TRUE);
    RETURN json_build_object('flags', (
        SELECT coalesce(
            json_agg(
                json_build_object(
                    'surface', f.surface,
                    'lane', f.lane,
                    'percent', f.percent,
                    'people', f.people,
                    'changed_at', khala_internal.iso_timestamp(f.changed_at),
                    'changed_by', f.changed_by
                )
                ORDER BY f.surface COLLATE "C"
            ),
            '[]'
        )
        FROM khala.list_flags() AS f
    ));
END
$$;

COMMENT ON FUNCTION khala.admin_flags(text, text[]) IS
'Flags of surfaces, for administrators. Arguments: organisation and scopes of the token. Result: {"flags": [{"surface", "lane", "percent", "people", "changed_at", "changed_by"}]}. Errors: KH025.';
REVOKE ALL ON FUNCTION khala.admin_flags(text, text[]) FROM public;
GRANT EXECUTE ON FUNCTION khala.admin_flags(text, text[]) TO khala_relay;
