-- Records a state of an invoice. Only a higher rank replaces: open < canceled = expired < settled. A late, lower state
-- changes nothing.

CREATE OR REPLACE FUNCTION lightning.ingest_invoice_lifecycle(p_args jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_now bigint := khala_internal.lightning_now_ms();
    v_hash text := lower(khala_internal.lightning_text(p_args, 'paymentHash'));
    v_new lightning.invoices;
    v_row lightning.invoices;
    v_changed boolean;
    v_is_taken boolean;
    v_document jsonb;
BEGIN
    v_new.invoice_id := khala_internal.lightning_text(p_args, 'invoiceId', TRUE, p_most => 200);
    v_new.paywall_id := khala_internal.lightning_text(p_args, 'paywallId', TRUE, p_most => 200);
    v_new.owner_id := khala_internal.lightning_text(p_args, 'ownerId', TRUE, p_most => 200);
    v_new.amount_msats := khala_internal.lightning_integer(p_args, 'amountMsats', TRUE, 1);
    v_new.status := khala_internal.lightning_text(p_args, 'status', TRUE, ARRAY['open', 'settled', 'canceled', 'expired']);
    v_new.payment_request := khala_internal.lightning_text(p_args, 'paymentRequest', p_most => 10000);
    v_new.payment_proof_ref := khala_internal.lightning_text(p_args, 'paymentProofRef');
    v_new.request_id := khala_internal.lightning_text(p_args, 'requestId');
    v_new.settled_at_ms := khala_internal.lightning_integer(p_args, 'settledAtMs', p_most => 253402300799999);
    v_new.settled_at_ms := CASE v_new.status WHEN 'settled' THEN coalesce(v_new.settled_at_ms, v_now) END;
    IF v_hash !~ '^[0-9a-f]{64}$' THEN
        PERFORM khala_internal.lightning_refuse('invalid', 'paymentHash', 'Pass 64 hexadecimal digits.');
    END IF;
    v_new.payment_hash := v_hash;
    PERFORM khala_internal.lightning_check_paywall(v_new.paywall_id, v_new.owner_id);

    -- Whatever index finds the conflict: two calls that make the same invoice at once meet in any of them.
    INSERT INTO lightning.invoices AS i (
        invoice_id, paywall_id, owner_id, amount_msats, status, payment_hash, payment_request, payment_proof_ref,
        request_id, created_at_ms, updated_at_ms, settled_at_ms
    )
    VALUES (
        v_new.invoice_id, v_new.paywall_id, v_new.owner_id, v_new.amount_msats, v_new.status, v_new.payment_hash,
        v_new.payment_request, v_new.payment_proof_ref, v_new.request_id, v_now, v_now, v_new.settled_at_ms
    )
    ON CONFLICT DO NOTHING
    RETURNING i.* INTO v_row;
    v_changed := FOUND;
    IF NOT v_changed THEN
        SELECT i.* INTO v_row FROM lightning.invoices AS i WHERE i.invoice_id = v_new.invoice_id FOR UPDATE;
        v_is_taken := NOT FOUND;
        IF (v_row.paywall_id, v_row.owner_id, v_row.amount_msats) <> (v_new.paywall_id, v_new.owner_id, v_new.amount_msats) THEN
            RAISE EXCEPTION 'invoice % is stored with another paywall, owner or amount', v_new.invoice_id
                USING ERRCODE = 'KH021', HINT = 'An invoice keeps its paywall, owner and amount; use another invoiceId.';
        END IF;
        v_changed := khala_internal.lightning_invoice_rank(v_new.status) > khala_internal.lightning_invoice_rank(v_row.status);
        IF v_changed THEN
            BEGIN
                UPDATE lightning.invoices AS i
                SET status = v_new.status,
                    payment_hash = coalesce(i.payment_hash, v_new.payment_hash),
                    payment_request = coalesce(i.payment_request, v_new.payment_request),
                    payment_proof_ref = coalesce(i.payment_proof_ref, v_new.payment_proof_ref),
                    request_id = coalesce(i.request_id, v_new.request_id),
                    settled_at_ms = v_new.settled_at_ms,
                    updated_at_ms = greatest(v_now, i.updated_at_ms)
                WHERE i.invoice_id = v_new.invoice_id
                RETURNING i.* INTO v_row;
            EXCEPTION
                WHEN unique_violation THEN
                    v_is_taken := TRUE;
            END;
        END IF;
        IF v_is_taken THEN
            RAISE EXCEPTION 'another invoice has the payment hash of invoice %', v_new.invoice_id
                USING ERRCODE = 'KH021', HINT = 'A payment hash belongs to one invoice.';
        END IF;
    END IF;
    v_document := khala_internal.lightning_record(to_jsonb(v_row));
    IF v_changed THEN
        PERFORM khala.sink('lightning.settlements', 'invoice/' || v_row.invoice_id, NULL, v_document, v_row.owner_id);
    END IF;
    RETURN jsonb_build_object('ok', TRUE, 'changed', v_changed, 'invoice', v_document);
END
$$;

COMMENT ON FUNCTION lightning.ingest_invoice_lifecycle(jsonb) IS
'Records a state of an invoice. Argument: JSON of an invoice: invoiceId, paywallId, ownerId, amountMsats and status (open, settled, canceled, expired) are required; settledAtMs is now where it is absent. Payment hash, request, proof and request id keep their first value. Result: ok, changed and invoice. Errors: KH020 invalid argument, KH021 the invoice is stored with other content, or its payment hash belongs to another.';
REVOKE ALL ON FUNCTION lightning.ingest_invoice_lifecycle(jsonb) FROM public;
GRANT EXECUTE ON FUNCTION lightning.ingest_invoice_lifecycle(jsonb) TO lightning_ops;
