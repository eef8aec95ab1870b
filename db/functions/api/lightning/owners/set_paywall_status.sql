-- Pauses, resumes or archives a paywall of an owner. An archived one never changes again.

CREATE OR REPLACE FUNCTION lightning.set_paywall_status(p_owner_id text, p_paywall_id text, p_status text, p_idempotency_key text DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_request jsonb := jsonb_build_array('status', p_paywall_id, p_status);
    v_response jsonb := khala_internal.lightning_stored_response(p_owner_id, p_idempotency_key, v_request);
    v_status text := khala_internal.lightning_text(
        jsonb_build_object('status', p_status), 'status', TRUE, ARRAY['active', 'paused', 'archived']
    );
BEGIN
    IF v_response IS NOT NULL THEN
        RETURN v_response;
    END IF;
    -- A repeat contradicts nothing.
    IF v_status = 'archived' AND EXISTS (
        SELECT FROM lightning.paywalls AS w
        WHERE w.paywall_id = p_paywall_id AND w.owner_id = p_owner_id AND w.status = 'archived'
    ) THEN
        RETURN lightning.get_paywall(p_owner_id, p_paywall_id);
    END IF;
    IF khala_internal.lightning_lock_paywall(p_owner_id, p_paywall_id) <> v_status THEN
        UPDATE lightning.paywalls AS w
        SET status = v_status, updated_at_ms = greatest(khala_internal.lightning_now_ms(), w.updated_at_ms)
        WHERE w.paywall_id = p_paywall_id;
    END IF;
    v_response := jsonb_build_object('ok', TRUE, 'paywall', khala_internal.lightning_publish_paywall(p_paywall_id));
    PERFORM khala_internal.lightning_store_response(p_owner_id, p_idempotency_key, v_request, v_response);
    RETURN v_response;
END
$$;

COMMENT ON FUNCTION lightning.set_paywall_status(text, text, text, text) IS
'Pauses, resumes or archives a paywall. Arguments: owner; paywall; active, paused or archived; idempotency key. Result: ok and paywall. Errors: KH020 invalid argument, KH021 the paywall is archived and is to be active or paused, or the key was used for another request, KH023 no such paywall.';
REVOKE ALL ON FUNCTION lightning.set_paywall_status(text, text, text, text) FROM public;
GRANT EXECUTE ON FUNCTION lightning.set_paywall_status(text, text, text, text) TO lightning_owner_api;
