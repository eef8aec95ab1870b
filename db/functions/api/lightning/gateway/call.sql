-- The functions of the control plane by their names on its API: one call for the server, which decides nothing.

CREATE OR REPLACE FUNCTION lightning.call(p_function text, p_args jsonb, p_mutation boolean)
RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF jsonb_typeof(p_args) IS DISTINCT FROM 'object' THEN
        PERFORM khala_internal.lightning_refuse('invalid', 'args', 'Pass an object.');
    END IF;
    IF p_mutation THEN
        CASE p_function
            WHEN 'lightning/ops:recordGatewayCompileIntent' THEN RETURN lightning.record_gateway_compile_intent(p_args)::json;
            WHEN 'lightning/ops:recordGatewayDeploymentEvent' THEN RETURN lightning.record_gateway_deployment_event(p_args)::json;
            WHEN 'lightning/settlements:ingestInvoiceLifecycle' THEN RETURN lightning.ingest_invoice_lifecycle(p_args)::json;
            WHEN 'lightning/settlements:ingestSettlement' THEN RETURN lightning.ingest_settlement(p_args)::json;
            WHEN 'lightning/security:setGlobalPause' THEN RETURN lightning.set_global_pause(p_args)::json;
            WHEN 'lightning/security:setOwnerKillSwitch' THEN RETURN lightning.set_owner_kill_switch(p_args)::json;
            WHEN 'lightning/security:rotateCredentialRole' THEN RETURN lightning.rotate_credential_role(p_args)::json;
            WHEN 'lightning/security:activateCredentialRole' THEN RETURN lightning.activate_credential_role(p_args)::json;
            WHEN 'lightning/security:revokeCredentialRole' THEN RETURN lightning.revoke_credential_role(p_args)::json;
            ELSE NULL;
        END CASE;
    ELSE
        CASE p_function
            WHEN 'lightning/ops:listPaywallControlPlaneState' THEN RETURN lightning.list_paywall_control_plane_state(p_args);
            WHEN 'lightning/security:getControlPlaneSecurityState' THEN RETURN lightning.get_control_plane_security_state(p_args)::json;
            ELSE NULL;
        END CASE;
    END IF;
    RAISE EXCEPTION '% is no % of the control plane', coalesce(quote_literal(left(p_function, 180)), 'NULL'),
        CASE WHEN p_mutation THEN 'mutation' ELSE 'query' END
        USING ERRCODE = 'KH022', HINT = 'Use a name of docs/reference/lightning.md, queries and mutations each on its own path.';
END
$$;

COMMENT ON FUNCTION lightning.call(text, jsonb, boolean) IS
'Calls a function of the control plane by its name on the API. Arguments: name, such as lightning/ops:listPaywallControlPlaneState; arguments, a JSON object; whether a mutation is meant, or a query. Result: the response. Errors: KH020 invalid argument, KH021 conflict, KH022 unknown function.';
REVOKE ALL ON FUNCTION lightning.call(text, jsonb, boolean) FROM public;
GRANT EXECUTE ON FUNCTION lightning.call(text, jsonb, boolean) TO lightning_ops;
