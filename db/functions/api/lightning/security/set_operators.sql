-- Sets the organisation that owns the documents of what belongs to no owner. It sees the security state at once; of
-- deployments, those written before keep their owner until they change.

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
    PERFORM khala.sink('lightning.security', s.doc_key, NULL, khala_internal.lightning_record(s.state), p_org_id)
    FROM (
        SELECT 'global' AS doc_key, to_jsonb(g) - 'operators_org_id' AS state FROM lightning.security_global AS g
        UNION ALL
        SELECT 'role/' || r.role, to_jsonb(r) FROM lightning.credential_roles AS r
        UNION ALL
        SELECT 'operators/owner/' || c.owner_id, to_jsonb(c)
        FROM lightning.owner_security_controls AS c WHERE c.owner_id <> p_org_id
    ) AS s
    WHERE NOT EXISTS (
        SELECT FROM runtime.sync_documents AS d
        WHERE d.topic = 'lightning.security' AND d.doc_key = s.doc_key AND d.org_id = p_org_id AND NOT d.deleted
    )
    -- Versions and watermarks are the same whatever the plan.
    ORDER BY s.doc_key COLLATE "C";
END
$$;

COMMENT ON FUNCTION lightning.set_operators(text) IS
'Sets the organisation of the operators, and gives it the documents of the security state. Argument: the organisation. Errors: KH007.';
REVOKE ALL ON FUNCTION lightning.set_operators(text) FROM public;
GRANT EXECUTE ON FUNCTION lightning.set_operators(text) TO khala_dba;
