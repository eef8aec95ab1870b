-- Revokes the credential of a role. Its fingerprint and last rotation are dropped, its version stays.

CREATE OR REPLACE FUNCTION lightning.revoke_credential_role(p_args jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_role text := khala_internal.lightning_text(p_args, 'role', TRUE, ARRAY['gateway_invoice', 'settlement_read', 'operator_admin']);
    v_note text := khala_internal.lightning_text(p_args, 'note');
    v_now bigint := khala_internal.lightning_now_ms();
    v_row lightning.credential_roles;
BEGIN
    INSERT INTO lightning.credential_roles AS r (role, status, version, note, updated_at_ms, revoked_at_ms)
    VALUES (v_role, 'revoked', 1, v_note, v_now, v_now)
    ON CONFLICT (role) DO UPDATE
    SET status = excluded.status,
        fingerprint = NULL,
        note = coalesce(excluded.note, r.note),
        updated_at_ms = greatest(excluded.updated_at_ms, r.updated_at_ms),
        last_rotated_at_ms = NULL,
        revoked_at_ms = excluded.revoked_at_ms
    RETURNING r.* INTO v_row;
    PERFORM khala.sink(
        'lightning.security', 'role/' || v_role, NULL, khala_internal.lightning_record(to_jsonb(v_row)), khala_internal.lightning_operators()
    );
    RETURN jsonb_build_object('ok', TRUE, 'role', khala_internal.lightning_record(to_jsonb(v_row)));
END
$$;

COMMENT ON FUNCTION lightning.revoke_credential_role(jsonb) IS
'Revokes the credential of a role. Argument: JSON with role (required) and note. Result: ok and role. Errors: KH020 invalid argument.';
REVOKE ALL ON FUNCTION lightning.revoke_credential_role(jsonb) FROM public;
GRANT EXECUTE ON FUNCTION lightning.revoke_credential_role(jsonb) TO lightning_ops;
