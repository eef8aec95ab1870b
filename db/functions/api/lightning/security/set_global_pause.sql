-- Pauses the gateway as a whole, or ends the pause.

CREATE OR REPLACE FUNCTION lightning.set_global_pause(p_args jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_active boolean := khala_internal.lightning_boolean(p_args, 'active', TRUE);
    v_reason text := coalesce(khala_internal.lightning_text(p_args, 'reason'), 'The gateway is paused.');
    v_by text := khala_internal.lightning_text(p_args, 'updatedBy', p_most => 200);
    v_row lightning.security_global;
BEGIN
    UPDATE lightning.security_global AS g
    SET global_pause = v_active,
        deny_reason_code = CASE WHEN v_active THEN 'global_pause_active' END,
        deny_reason = CASE WHEN v_active THEN v_reason END,
        updated_by = v_by,
        updated_at_ms = greatest(khala_internal.lightning_now_ms(), g.updated_at_ms)
    WHERE g.state_id = 'global'
    RETURNING g.* INTO v_row;
    PERFORM khala.sink(
        'lightning.security', 'global', NULL, khala_internal.lightning_record(to_jsonb(v_row) - 'operators_org_id'), v_row.operators_org_id
    );
    RETURN jsonb_build_object('ok', TRUE, 'global', khala_internal.lightning_record(to_jsonb(v_row) - 'operators_org_id'));
END
$$;

COMMENT ON FUNCTION lightning.set_global_pause(jsonb) IS
'Pauses the gateway, or ends the pause. Argument: JSON with active (required), reason, updatedBy. Result: ok and global. Errors: KH020 invalid argument.';
REVOKE ALL ON FUNCTION lightning.set_global_pause(jsonb) FROM public;
GRANT EXECUTE ON FUNCTION lightning.set_global_pause(jsonb) TO lightning_ops;
