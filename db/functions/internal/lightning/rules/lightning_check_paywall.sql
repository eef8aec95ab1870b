-- Finds the paywall and owner that a call names. The foreign keys would refuse it later, without naming the argument.

CREATE OR REPLACE FUNCTION khala_internal.lightning_check_paywall(p_paywall_id text, p_owner_id text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_owner text;
BEGIN
    SELECT w.owner_id INTO v_owner FROM lightning.paywalls AS w WHERE w.paywall_id = p_paywall_id;
    IF NOT FOUND THEN
        PERFORM khala_internal.lightning_refuse('invalid', 'paywallId', 'Use the identifier of a paywall.');
    END IF;
    IF v_owner IS DISTINCT FROM p_owner_id THEN
        PERFORM khala_internal.lightning_refuse('invalid', 'ownerId', 'Use the owner of the paywall.');
    END IF;
END
$$;

COMMENT ON FUNCTION khala_internal.lightning_check_paywall(text, text) IS
'Internal: checks that a paywall exists and has this owner. Arguments: paywall; owner. Errors: KH020.';
REVOKE ALL ON FUNCTION khala_internal.lightning_check_paywall(text, text) FROM public;
