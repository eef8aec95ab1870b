-- Locks a paywall of an owner for a change.

CREATE OR REPLACE FUNCTION khala_internal.lightning_lock_paywall(p_owner_id text, p_paywall_id text)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_status text;
BEGIN
    SELECT w.status INTO v_status FROM lightning.paywalls AS w
    WHERE w.paywall_id = p_paywall_id AND w.owner_id = p_owner_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'paywall % does not exist', coalesce(quote_literal(left(p_paywall_id, 200)), 'NULL')
            USING ERRCODE = 'KH023', HINT = 'List them: lightning.list_paywalls, or GET /api/lightning/paywalls.';
    END IF;
    IF v_status = 'archived' THEN
        RAISE EXCEPTION 'paywall % is archived', quote_literal(p_paywall_id)
            USING ERRCODE = 'KH021', HINT = 'An archived paywall never changes; create another.';
    END IF;
    RETURN v_status;
END
$$;

COMMENT ON FUNCTION khala_internal.lightning_lock_paywall(text, text) IS
'Internal: locks a paywall for a change. Arguments: owner; paywall. Result: its status. Errors: KH021 it is archived, KH023 the owner has no such paywall.';
REVOKE ALL ON FUNCTION khala_internal.lightning_lock_paywall(text, text) FROM public;
