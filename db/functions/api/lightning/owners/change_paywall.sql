-- Changes a paywall of an owner. What is left out stays; routes are replaced as a whole.

CREATE OR REPLACE FUNCTION lightning.change_paywall(p_owner_id text, p_paywall_id text, p_args jsonb, p_idempotency_key text DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_request jsonb := jsonb_build_array('change', p_paywall_id, p_args);
    v_response jsonb := khala_internal.lightning_stored_response(p_owner_id, p_idempotency_key, v_request);
    v_now bigint := khala_internal.lightning_now_ms();
BEGIN
    IF v_response IS NOT NULL THEN
        RETURN v_response;
    END IF;
    PERFORM khala_internal.lightning_lock_paywall(p_owner_id, p_paywall_id);
    UPDATE lightning.paywalls AS w
    SET name = coalesce(khala_internal.lightning_text(p_args, 'name', p_most => 200), w.name),
        description = coalesce(khala_internal.lightning_text(p_args, 'description'), w.description),
        request_id = coalesce(khala_internal.lightning_text(p_args, 'requestId'), w.request_id),
        metadata = coalesce(khala_internal.lightning_json(p_args, 'metadata'), w.metadata),
        updated_at_ms = greatest(v_now, w.updated_at_ms)
    WHERE w.paywall_id = p_paywall_id;
    IF coalesce(p_args -> 'policy', 'null') <> 'null' THEN
        PERFORM khala_internal.lightning_store_policy(p_paywall_id, p_owner_id, p_args -> 'policy', v_now);
    END IF;
    IF coalesce(p_args -> 'routes', 'null') <> 'null' THEN
        PERFORM khala_internal.lightning_store_routes(p_paywall_id, p_owner_id, p_args -> 'routes', v_now);
    END IF;
    v_response := jsonb_build_object('ok', TRUE, 'paywall', khala_internal.lightning_publish_paywall(p_paywall_id));
    PERFORM khala_internal.lightning_store_response(p_owner_id, p_idempotency_key, v_request, v_response);
    RETURN v_response;
END
$$;

COMMENT ON FUNCTION lightning.change_paywall(text, text, jsonb, text) IS
'Changes a paywall. Arguments: owner; paywall; JSON with any of name, description, requestId, metadata, policy, routes; idempotency key. Result: ok and paywall. Errors: KH020 invalid argument, KH021 the paywall is archived, or the key was used for another request, KH023 no such paywall.';
REVOKE ALL ON FUNCTION lightning.change_paywall(text, text, jsonb, text) FROM public;
GRANT EXECUTE ON FUNCTION lightning.change_paywall(text, text, jsonb, text) TO lightning_owner_api;
