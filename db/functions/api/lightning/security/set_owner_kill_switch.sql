-- Switches all paywalls of an owner off, or on again. The operators have a document of it as well as the owner: each
-- follows only documents of the own organisation.

CREATE OR REPLACE FUNCTION lightning.set_owner_kill_switch(p_args jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_owner text := khala_internal.lightning_text(p_args, 'ownerId', TRUE, p_most => 200);
    v_active boolean := khala_internal.lightning_boolean(p_args, 'active', TRUE);
    v_reason text := coalesce(khala_internal.lightning_text(p_args, 'reason'), 'The owner''s paywalls are switched off.');
    v_by text := khala_internal.lightning_text(p_args, 'updatedBy', p_most => 200);
    v_operators text := khala_internal.lightning_operators();
    v_row lightning.owner_security_controls;
BEGIN
    INSERT INTO lightning.owner_security_controls AS c (
        owner_id, kill_switch, deny_reason_code, deny_reason, updated_by, updated_at_ms
    )
    VALUES (
        v_owner, v_active, CASE WHEN v_active THEN 'owner_kill_switch_active' END, CASE WHEN v_active THEN v_reason END,
        v_by, khala_internal.lightning_now_ms()
    )
    ON CONFLICT (owner_id) DO UPDATE
    SET kill_switch = excluded.kill_switch,
        deny_reason_code = excluded.deny_reason_code,
        deny_reason = excluded.deny_reason,
        updated_by = excluded.updated_by,
        updated_at_ms = greatest(excluded.updated_at_ms, c.updated_at_ms)
    RETURNING c.* INTO v_row;
    PERFORM khala.sink(
        'lightning.security', 'owner/' || v_owner, NULL, khala_internal.lightning_record(to_jsonb(v_row)), v_owner
    );
    IF v_owner <> v_operators THEN
        PERFORM khala.sink(
            'lightning.security', 'operators/owner/' || v_owner, NULL, khala_internal.lightning_record(to_jsonb(v_row)), v_operators
        );
    END IF;
    RETURN jsonb_build_object('ok', TRUE, 'ownerControl', khala_internal.lightning_record(to_jsonb(v_row)));
END
$$;

COMMENT ON FUNCTION lightning.set_owner_kill_switch(jsonb) IS
'Switches an owner''s paywalls off, or on again. Argument: JSON with ownerId and active (both required), reason, updatedBy. Result: ok and ownerControl. Errors: KH020 invalid argument.';
REVOKE ALL ON FUNCTION lightning.set_owner_kill_switch(jsonb) FROM public;
GRANT EXECUTE ON FUNCTION lightning.set_owner_kill_switch(jsonb) TO lightning_ops;
