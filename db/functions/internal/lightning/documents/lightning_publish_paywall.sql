-- Writes the document of a paywall, and gives it back as the API shows it.

CREATE OR REPLACE FUNCTION khala_internal.lightning_publish_paywall(p_paywall_id text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_owner text;
    v_document jsonb;
BEGIN
    SELECT d.owner_id, d.document::jsonb INTO v_owner, v_document
    FROM khala_internal.lightning_paywall_documents() AS d
    WHERE d.paywall_id = p_paywall_id;
    PERFORM khala.sink('lightning.paywalls', p_paywall_id, NULL, v_document, v_owner);
    RETURN v_document;
END
$$;

COMMENT ON FUNCTION khala_internal.lightning_publish_paywall(text) IS
'Internal: writes the document of a paywall. Argument: the paywall. Result: the document. Errors: those of khala.sink.';
REVOKE ALL ON FUNCTION khala_internal.lightning_publish_paywall(text) FROM public;
