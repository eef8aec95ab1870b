-- Settlements of an owner in the order of their creation, in pages.

CREATE OR REPLACE FUNCTION lightning.list_settlements(
    p_owner_id text,
    p_paywall_id text,
    p_cursor text DEFAULT NULL,
    p_limit integer DEFAULT 100
)
RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_after record;
BEGIN
    SELECT c.* INTO v_after FROM khala_internal.lightning_cursor(p_cursor, p_limit) AS c;
    PERFORM lightning.get_paywall(p_owner_id, p_paywall_id);
    RETURN jsonb_build_object('ok', TRUE) || (
        SELECT khala_internal.lightning_page('settlements', coalesce(array_agg(p.document), '{}'), p_limit, 'createdAtMs', 'settlementId')
        FROM (
            SELECT khala_internal.lightning_record(to_jsonb(d)) AS document
            FROM lightning.settlements AS d
            WHERE d.owner_id = p_owner_id AND d.paywall_id = p_paywall_id
                AND (d.created_at_ms, d.settlement_id) > (v_after.created_at_ms, v_after.id)
            ORDER BY d.created_at_ms, d.settlement_id
            LIMIT p_limit + 1
        ) AS p
    );
END
$$;

COMMENT ON FUNCTION lightning.list_settlements(text, text, text, integer) IS
'Settlements of an owner. Arguments: owner; paywall; cursor of the page before, null for the first; size of a page, up to 1000. Result: ok, settlements, and nextCursor where there are more. Errors: KH020 invalid argument, KH023 no such paywall.';
REVOKE ALL ON FUNCTION lightning.list_settlements(text, text, text, integer) FROM public;
GRANT EXECUTE ON FUNCTION lightning.list_settlements(text, text, text, integer) TO lightning_owner_api;
