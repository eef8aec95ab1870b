-- Appends a step of a deployment or of the gateway's work.

CREATE OR REPLACE FUNCTION lightning.record_gateway_deployment_event(p_args jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_row lightning.gateway_events;
BEGIN
    v_row.event_id := 'evt_' || gen_random_uuid();
    v_row.paywall_id := khala_internal.lightning_text(p_args, 'paywallId', TRUE, p_most => 200);
    v_row.owner_id := khala_internal.lightning_text(p_args, 'ownerId', TRUE, p_most => 200);
    v_row.event_type := khala_internal.lightning_text(p_args, 'eventType', TRUE, p_most => 200);
    v_row.level := khala_internal.lightning_text(p_args, 'level', TRUE, ARRAY['info', 'warn', 'error']);
    v_row.execution_path := khala_internal.lightning_text(p_args, 'executionPath', TRUE, p_most => 200);
    v_row.deployment_id := khala_internal.lightning_text(p_args, 'deploymentId', p_most => 200);
    v_row.config_hash := khala_internal.lightning_text(p_args, 'configHash', p_most => 200);
    v_row.request_id := khala_internal.lightning_text(p_args, 'requestId');
    v_row.metadata := khala_internal.lightning_json(p_args, 'metadata');
    v_row.created_at_ms := khala_internal.lightning_now_ms();
    PERFORM khala_internal.lightning_check_paywall(v_row.paywall_id, v_row.owner_id);
    IF v_row.deployment_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM lightning.deployments AS d WHERE d.deployment_id = v_row.deployment_id)
    THEN
        PERFORM khala_internal.lightning_refuse('invalid', 'deploymentId', 'Record the deployment first.');
    END IF;
    INSERT INTO lightning.gateway_events SELECT v_row.*;
    PERFORM khala.sink(
        'lightning.deployments', 'event/' || v_row.event_id, NULL, khala_internal.lightning_record(to_jsonb(v_row)), v_row.owner_id
    );
    RETURN jsonb_build_object('ok', TRUE, 'event', khala_internal.lightning_record(to_jsonb(v_row)));
END
$$;

COMMENT ON FUNCTION lightning.record_gateway_deployment_event(jsonb) IS
'Appends a gateway event. Argument: JSON with paywallId, ownerId, eventType, level (info, warn, error) and executionPath, all required; requestId, deploymentId, configHash, metadata. Result: ok and event. Errors: KH020 invalid argument.';
REVOKE ALL ON FUNCTION lightning.record_gateway_deployment_event(jsonb) FROM public;
GRANT EXECUTE ON FUNCTION lightning.record_gateway_deployment_event(jsonb) TO lightning_ops;
