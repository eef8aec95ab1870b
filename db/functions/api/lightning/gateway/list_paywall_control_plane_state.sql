-- Paywalls for the compiler of the gateway's configuration, in the order of their creation.

CREATE OR REPLACE FUNCTION lightning.list_paywall_control_plane_state(p_args jsonb)
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_statuses text[] := coalesce(
        khala_internal.lightning_names(p_args, 'statuses', ARRAY['active', 'paused', 'archived']), ARRAY['active', 'paused']
    );
BEGIN
    RETURN (
        SELECT json_build_object('ok', TRUE, 'paywalls', coalesce(json_agg(d.document ORDER BY d.created_at_ms, d.paywall_id), '[]'))
        FROM khala_internal.lightning_paywall_documents() AS d
        WHERE d.status = ANY (v_statuses) OR cardinality(v_statuses) = 0
    );
END
$$;

COMMENT ON FUNCTION lightning.list_paywall_control_plane_state(jsonb) IS
'Lists paywalls with policies and routes. Argument: JSON with statuses (default active and paused; empty for all). Result: ok and paywalls, by creation. Errors: KH020 invalid argument.';
REVOKE ALL ON FUNCTION lightning.list_paywall_control_plane_state(jsonb) FROM public;
GRANT EXECUTE ON FUNCTION lightning.list_paywall_control_plane_state(jsonb) TO lightning_ops;
