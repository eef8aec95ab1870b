-- Records a configuration of the gateway, or what became of it. What is in force or rolled back does not become
-- pending again: such a call changes nothing.

CREATE OR REPLACE FUNCTION lightning.record_gateway_compile_intent(p_args jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_id text := coalesce(khala_internal.lightning_text(p_args, 'deploymentId', p_most => 200), 'dep_' || gen_random_uuid());
    v_now bigint := khala_internal.lightning_now_ms();
    v_new lightning.deployments;
    v_row lightning.deployments;
    v_stored boolean;
BEGIN
    v_new.paywall_id := khala_internal.lightning_text(p_args, 'paywallId', p_most => 200);
    v_new.owner_id := khala_internal.lightning_text(p_args, 'ownerId', p_most => 200);
    v_new.config_hash := khala_internal.lightning_text(p_args, 'configHash', TRUE, p_most => 200);
    v_new.status := khala_internal.lightning_text(p_args, 'status', TRUE, ARRAY['pending', 'applied', 'failed', 'rolled_back']);
    v_new.image_digest := khala_internal.lightning_text(p_args, 'imageDigest');
    v_new.rolled_back_from := khala_internal.lightning_text(p_args, 'rolledBackFrom', p_most => 200);
    v_new.request_id := khala_internal.lightning_text(p_args, 'requestId');
    v_new.diagnostics := khala_internal.lightning_json(p_args, 'diagnostics');
    v_new.metadata := khala_internal.lightning_json(p_args, 'metadata');
    v_new.applied_at_ms := khala_internal.lightning_integer(p_args, 'appliedAtMs', p_most => 253402300799999);
    IF v_new.status = 'applied' THEN
        v_new.applied_at_ms := coalesce(v_new.applied_at_ms, v_now);
    END IF;
    IF v_new.paywall_id IS NOT NULL THEN
        v_new.owner_id := coalesce(
            v_new.owner_id, (SELECT w.owner_id FROM lightning.paywalls AS w WHERE w.paywall_id = v_new.paywall_id)
        );
        PERFORM khala_internal.lightning_check_paywall(v_new.paywall_id, v_new.owner_id);
    END IF;

    BEGIN
        INSERT INTO lightning.deployments AS d (
            deployment_id, paywall_id, owner_id, config_hash, image_digest, status, diagnostics, metadata, request_id,
            applied_at_ms, rolled_back_from, created_at_ms, updated_at_ms
        )
        VALUES (
            v_id, v_new.paywall_id, v_new.owner_id, v_new.config_hash, v_new.image_digest, v_new.status, v_new.diagnostics,
            v_new.metadata, v_new.request_id, v_new.applied_at_ms, v_new.rolled_back_from, v_now, v_now
        )
        ON CONFLICT (deployment_id) DO UPDATE
        SET paywall_id = coalesce(excluded.paywall_id, d.paywall_id),
            owner_id = coalesce(excluded.owner_id, d.owner_id),
            config_hash = excluded.config_hash,
            image_digest = coalesce(excluded.image_digest, d.image_digest),
            status = excluded.status,
            diagnostics = coalesce(excluded.diagnostics, d.diagnostics),
            metadata = coalesce(excluded.metadata, d.metadata),
            request_id = coalesce(excluded.request_id, d.request_id),
            applied_at_ms = coalesce(d.applied_at_ms, excluded.applied_at_ms),
            rolled_back_from = coalesce(excluded.rolled_back_from, d.rolled_back_from),
            updated_at_ms = greatest(excluded.updated_at_ms, d.updated_at_ms)
        WHERE NOT (excluded.status = 'pending' AND d.status IN ('applied', 'rolled_back'))
        RETURNING d.* INTO v_row;
        v_stored := FOUND;
    EXCEPTION
        WHEN foreign_key_violation THEN
            RAISE EXCEPTION 'deployment % is stored with a paywall of another owner', v_id
                USING ERRCODE = 'KH021', HINT = 'Pass the paywallId with its ownerId, or use another deploymentId.';
    END;
    IF v_stored THEN
        PERFORM khala.sink(
            'lightning.deployments', 'deployment/' || v_id, NULL, khala_internal.lightning_record(to_jsonb(v_row)),
            coalesce(v_row.owner_id, khala_internal.lightning_operators())
        );
    ELSE
        SELECT d.* INTO v_row FROM lightning.deployments AS d WHERE d.deployment_id = v_id;
    END IF;
    RETURN jsonb_build_object('ok', TRUE, 'deployment', khala_internal.lightning_record(to_jsonb(v_row)));
END
$$;

COMMENT ON FUNCTION lightning.record_gateway_compile_intent(jsonb) IS
'Records a configuration of the gateway by its deployment. Argument: JSON of a deployment intent: configHash and status (pending, applied, failed, rolled_back) are required; a deploymentId is made where none is given; absent fields keep their value. Result: ok and deployment. Errors: KH020 invalid argument, KH021 the owner is not that of the stored paywall.';
REVOKE ALL ON FUNCTION lightning.record_gateway_compile_intent(jsonb) FROM public;
GRANT EXECUTE ON FUNCTION lightning.record_gateway_compile_intent(jsonb) TO lightning_ops;
