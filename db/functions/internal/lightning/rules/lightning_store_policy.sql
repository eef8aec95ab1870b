-- Writes the policy of a paywall. What a change leaves out keeps its value.

CREATE OR REPLACE FUNCTION khala_internal.lightning_store_policy(p_paywall_id text, p_owner_id text, p_policy jsonb, p_now bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_old lightning.policies;
    v_new lightning.policies;
BEGIN
    IF jsonb_typeof(p_policy) <> 'object' THEN
        PERFORM khala_internal.lightning_refuse('invalid', 'policy', 'Pass an object.');
    END IF;
    SELECT o.* INTO v_old FROM lightning.policies AS o WHERE o.paywall_id = p_paywall_id;
    v_new.pricing_mode := coalesce(khala_internal.lightning_text(p_policy, 'pricingMode', p_allowed => ARRAY['fixed']), 'fixed');
    v_new.fixed_amount_msats := khala_internal.lightning_integer(p_policy, 'fixedAmountMsats', NOT FOUND);
    v_new.max_per_request_msats := khala_internal.lightning_integer(p_policy, 'maxPerRequestMsats', p_least => 1);
    v_new.allowed_hosts := khala_internal.lightning_names(p_policy, 'allowedHosts');
    v_new.blocked_hosts := khala_internal.lightning_names(p_policy, 'blockedHosts');
    v_new.quota_per_minute := khala_internal.lightning_integer(p_policy, 'quotaPerMinute', p_least => 1, p_most => 2147483647);
    v_new.quota_per_day := khala_internal.lightning_integer(p_policy, 'quotaPerDay', p_least => 1, p_most => 2147483647);
    v_new.kill_switch := khala_internal.lightning_boolean(p_policy, 'killSwitch');

    INSERT INTO lightning.policies AS o (
        paywall_id, owner_id, pricing_mode, fixed_amount_msats, max_per_request_msats, allowed_hosts, blocked_hosts,
        quota_per_minute, quota_per_day, kill_switch, created_at_ms, updated_at_ms
    )
    VALUES (
        p_paywall_id, p_owner_id, v_new.pricing_mode,
        coalesce(v_new.fixed_amount_msats, v_old.fixed_amount_msats),
        coalesce(v_new.max_per_request_msats, v_old.max_per_request_msats),
        nullif(coalesce(v_new.allowed_hosts, v_old.allowed_hosts), '{}'),
        nullif(coalesce(v_new.blocked_hosts, v_old.blocked_hosts), '{}'),
        coalesce(v_new.quota_per_minute, v_old.quota_per_minute),
        coalesce(v_new.quota_per_day, v_old.quota_per_day),
        coalesce(v_new.kill_switch, v_old.kill_switch, FALSE),
        p_now, p_now
    )
    ON CONFLICT (paywall_id) DO UPDATE
    SET fixed_amount_msats = excluded.fixed_amount_msats,
        max_per_request_msats = excluded.max_per_request_msats,
        allowed_hosts = excluded.allowed_hosts,
        blocked_hosts = excluded.blocked_hosts,
        quota_per_minute = excluded.quota_per_minute,
        quota_per_day = excluded.quota_per_day,
        kill_switch = excluded.kill_switch,
        updated_at_ms = excluded.updated_at_ms;
END
$$;

COMMENT ON FUNCTION khala_internal.lightning_store_policy(text, text, jsonb, bigint) IS
'Internal: writes the policy of a paywall. Arguments: paywall; owner; JSON of a policy, in which a new paywall needs fixedAmountMsats; the time. Errors: KH020.';
REVOKE ALL ON FUNCTION khala_internal.lightning_store_policy(text, text, jsonb, bigint) FROM public;
