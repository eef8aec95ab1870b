-- Paywalls of an owner in the order of their creation, in pages.

CREATE OR REPLACE FUNCTION lightning.list_paywalls(p_owner_id text, p_cursor text DEFAULT NULL, p_limit integer DEFAULT 100)
RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_after record;
BEGIN
    SELECT c.* INTO v_after FROM khala_internal.lightning_cursor(p_cursor, p_limit) AS c;
    RETURN jsonb_build_object('ok', TRUE) || (
        SELECT khala_internal.lightning_page('paywalls', coalesce(array_agg(p.document), '{}'), p_limit, 'createdAtMs', 'paywallId')
        FROM (
            SELECT d.document::jsonb AS document
            FROM khala_internal.lightning_paywall_documents() AS d
            WHERE d.owner_id = p_owner_id
                AND (d.created_at_ms, d.paywall_id) > (v_after.created_at_ms, v_after.id)
            ORDER BY d.created_at_ms, d.paywall_id
            LIMIT p_limit + 1
        ) AS p
    );
END
$$;

COMMENT ON FUNCTION lightning.list_paywalls(text, text, integer) IS
'Paywalls of an owner. Arguments: owner; cursor of the page before, null for the first; size of a page, up to 1000. Result: ok, paywalls, and nextCursor where there are more. Errors: KH020 invalid argument.';
REVOKE ALL ON FUNCTION lightning.list_paywalls(text, text, integer) FROM public;
GRANT EXECUTE ON FUNCTION lightning.list_paywalls(text, text, integer) TO lightning_owner_api;
