-- A switch of the control plane, set by somebody who is signed in for the operators' organisation. Setting a switch
-- needs a reason: others act on it.

CREATE OR REPLACE FUNCTION lightning.operate(
    p_org_id text, p_subject text, p_function text, p_args jsonb, p_idempotency_key text DEFAULT NULL
)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_request jsonb := jsonb_build_array('operate', p_function, p_args);
    v_response jsonb;
    v_args jsonb;
BEGIN
    IF p_org_id IS DISTINCT FROM khala_internal.lightning_operators() THEN
        RAISE EXCEPTION 'organisation % does not operate the control plane', coalesce(quote_literal(left(p_org_id, 200)), 'NULL')
            USING ERRCODE = 'KH024', HINT = 'Sign in for the organisation that lightning.set_operators names.';
    END IF;
    v_response := khala_internal.lightning_stored_response(p_org_id, p_idempotency_key, v_request);
    IF v_response IS NOT NULL THEN
        RETURN v_response;
    END IF;
    IF khala_internal.lightning_boolean(p_args, 'active', TRUE) THEN
        PERFORM khala_internal.lightning_text(p_args, 'reason', TRUE);
    END IF;
    v_args := p_args || jsonb_build_object('updatedBy', left(p_subject, 200));
    CASE p_function
        WHEN 'lightning/security:setGlobalPause' THEN v_response := lightning.set_global_pause(v_args);
        WHEN 'lightning/security:setOwnerKillSwitch' THEN v_response := lightning.set_owner_kill_switch(v_args);
        ELSE
            RAISE EXCEPTION '% is no switch of the control plane', coalesce(quote_literal(left(p_function, 180)), 'NULL')
                USING ERRCODE = 'KH022', HINT = 'Use lightning/security:setGlobalPause or lightning/security:setOwnerKillSwitch.';
    END CASE;
    PERFORM khala_internal.lightning_store_response(p_org_id, p_idempotency_key, v_request, v_response);
    RETURN v_response;
END
$$;

COMMENT ON FUNCTION lightning.operate(text, text, text, jsonb, text) IS
'Sets a switch of the control plane for a signed-in operator. Arguments: organisation and subject of the operator; lightning/security:setGlobalPause or lightning/security:setOwnerKillSwitch; JSON with active, reason (required where active is true), and ownerId for the second; idempotency key. updatedBy is the subject. Result: that of the function. Errors: KH020 invalid argument, KH021 the key was used for another request, KH022 another function, KH024 the organisation is not the operators''.';
REVOKE ALL ON FUNCTION lightning.operate(text, text, text, jsonb, text) FROM public;
GRANT EXECUTE ON FUNCTION lightning.operate(text, text, text, jsonb, text) TO lightning_ops;
