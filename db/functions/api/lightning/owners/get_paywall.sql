-- A paywall of an owner.

CREATE OR REPLACE FUNCTION lightning.get_paywall(p_owner_id text, p_paywall_id text)
RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_document jsonb;
BEGIN
    SELECT d.document::jsonb INTO v_document FROM khala_internal.lightning_paywall_documents() AS d
    WHERE d.paywall_id = p_paywall_id AND d.owner_id = p_owner_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'paywall % does not exist', coalesce(quote_literal(left(p_paywall_id, 200)), 'NULL')
            USING ERRCODE = 'KH023', HINT = 'List them: lightning.list_paywalls, or GET /api/lightning/paywalls.';
    END IF;
    RETURN jsonb_build_object('ok', TRUE, 'paywall', v_document);
END
$$;

COMMENT ON FUNCTION lightning.get_paywall(text, text) IS
'A paywall of an owner. Arguments: owner; paywall. Result: ok and paywall. Errors: KH023 no such paywall.';
REVOKE ALL ON FUNCTION lightning.get_paywall(text, text) FROM public;
GRANT EXECUTE ON FUNCTION lightning.get_paywall(text, text) TO lightning_owner_api;
