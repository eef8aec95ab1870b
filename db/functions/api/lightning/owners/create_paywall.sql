-- Creates a paywall of an owner, with policy and routes.

CREATE OR REPLACE FUNCTION lightning.create_paywall(p_owner_id text, p_args jsonb, p_idempotency_key text DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_request jsonb := jsonb_build_array('create', p_args);
    v_response jsonb := khala_internal.lightning_stored_response(p_owner_id, p_idempotency_key, v_request);
    v_id text := coalesce(khala_internal.lightning_text(p_args, 'paywallId', p_most => 200), 'pw_' || gen_random_uuid());
    v_now bigint := khala_internal.lightning_now_ms();
BEGIN
    IF v_response IS NOT NULL THEN
        RETURN v_response;
    END IF;
    IF p_owner_id IS NULL OR length(p_owner_id) NOT BETWEEN 1 AND 200 THEN
        PERFORM khala_internal.lightning_refuse('invalid', 'ownerId', 'Use an organisation of 1 to 200 characters.');
    END IF;
    -- It stands in the paths of the API.
    IF v_id !~ '^[A-Za-z0-9_][A-Za-z0-9_.:~-]*$' THEN
        PERFORM khala_internal.lightning_refuse(
            'invalid', 'paywallId', 'Use letters, digits, and _ . : ~ - after the first character.'
        );
    END IF;
    INSERT INTO lightning.paywalls (
        paywall_id, owner_id, name, description, status, request_id, metadata, created_at_ms, updated_at_ms
    )
    VALUES (
        v_id, p_owner_id, khala_internal.lightning_text(p_args, 'name', TRUE, p_most => 200),
        khala_internal.lightning_text(p_args, 'description'), 'active', khala_internal.lightning_text(p_args, 'requestId'),
        khala_internal.lightning_json(p_args, 'metadata'), v_now, v_now
    )
    -- In any index: two calls with one identifier may meet in that of the owners.
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'paywall % exists', quote_literal(v_id)
            USING ERRCODE = 'KH021', HINT = 'Use another paywallId, or none: one is made.';
    END IF;
    PERFORM khala_internal.lightning_store_policy(v_id, p_owner_id, coalesce(nullif(p_args -> 'policy', 'null'), '{}'), v_now);
    PERFORM khala_internal.lightning_store_routes(v_id, p_owner_id, coalesce(nullif(p_args -> 'routes', 'null'), '[]'), v_now);
    v_response := jsonb_build_object('ok', TRUE, 'paywall', khala_internal.lightning_publish_paywall(v_id));
    PERFORM khala_internal.lightning_store_response(p_owner_id, p_idempotency_key, v_request, v_response);
    RETURN v_response;
END
$$;

COMMENT ON FUNCTION lightning.create_paywall(text, jsonb, text) IS
'Creates a paywall. Arguments: owner; JSON with name and policy.fixedAmountMsats (required), paywallId, description, metadata, requestId, further fields of the policy, routes; idempotency key. Result: ok and paywall. Errors: KH020 invalid argument, KH021 the paywall exists, or the key was used for another request.';
REVOKE ALL ON FUNCTION lightning.create_paywall(text, jsonb, text) FROM public;
GRANT EXECUTE ON FUNCTION lightning.create_paywall(text, jsonb, text) TO lightning_owner_api;
