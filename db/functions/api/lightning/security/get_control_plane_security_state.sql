-- Pause, owners' switches and credentials. The gateway asks the pause before an owner's switch.

CREATE OR REPLACE FUNCTION lightning.get_control_plane_security_state(p_args jsonb DEFAULT '{}')
RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT jsonb_build_object(
    'ok', TRUE,
    'global', (SELECT khala_internal.lightning_record(to_jsonb(g) - 'operators_org_id') FROM lightning.security_global AS g),
    'ownerControls', (
        SELECT coalesce(jsonb_agg(khala_internal.lightning_record(to_jsonb(c)) ORDER BY c.owner_id), '[]')
        FROM lightning.owner_security_controls AS c
    ),
    'credentialRoles', (
        SELECT coalesce(jsonb_agg(khala_internal.lightning_record(to_jsonb(r)) ORDER BY r.role), '[]')
        FROM lightning.credential_roles AS r
    )
)
$$;

COMMENT ON FUNCTION lightning.get_control_plane_security_state(jsonb) IS
'Security state of the control plane. Argument: JSON, ignored. Result: ok, global, ownerControls by owner, credentialRoles by role. Errors: none.';
REVOKE ALL ON FUNCTION lightning.get_control_plane_security_state(jsonb) FROM public;
GRANT EXECUTE ON FUNCTION lightning.get_control_plane_security_state(jsonb) TO lightning_ops;
