-- Records a payment with its proof, and settles its invoice in the same transaction. A repeat changes nothing but an
-- invoice that is not settled yet. The documents come last: the first of them locks the topic, for which all
-- settlements wait until this one has committed.

CREATE OR REPLACE FUNCTION lightning.ingest_settlement(p_args jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_now bigint := khala_internal.lightning_now_ms();
    v_preimage text;
    v_hash text;
    v_new lightning.settlements;
    v_row lightning.settlements;
    v_invoice lightning.invoices;
    v_existed boolean;
    v_settles boolean;
    v_document jsonb;
    v_invoice_document jsonb;
BEGIN
    v_new.settlement_id := khala_internal.lightning_text(p_args, 'settlementId', TRUE, p_most => 200);
    v_new.paywall_id := khala_internal.lightning_text(p_args, 'paywallId', TRUE, p_most => 200);
    v_new.owner_id := khala_internal.lightning_text(p_args, 'ownerId', TRUE, p_most => 200);
    v_new.invoice_id := khala_internal.lightning_text(p_args, 'invoiceId', p_most => 200);
    v_new.amount_msats := khala_internal.lightning_integer(p_args, 'amountMsats', TRUE, 1);
    PERFORM khala_internal.lightning_text(p_args, 'paymentProofType', TRUE, ARRAY['lightning_preimage']);
    v_preimage := lower(khala_internal.lightning_text(p_args, 'paymentProofValue', TRUE));
    v_hash := lower(khala_internal.lightning_text(p_args, 'paymentHash'));
    v_new.request_id := khala_internal.lightning_text(p_args, 'requestId');
    v_new.task_id := khala_internal.lightning_text(p_args, 'taskId');
    v_new.route_id := khala_internal.lightning_text(p_args, 'routeId');
    v_new.metadata := khala_internal.lightning_json(p_args, 'metadata');
    IF v_preimage !~ '^[0-9a-f]{64}$' THEN
        PERFORM khala_internal.lightning_refuse('invalid', 'paymentProofValue', 'Pass 64 hexadecimal digits.');
    END IF;
    v_new.payment_hash := khala_internal.lightning_preimage_hash(v_preimage);
    v_new.payment_proof_ref := 'lightning_preimage:' || left(v_preimage, 24);
    IF v_hash <> v_new.payment_hash THEN
        PERFORM khala_internal.lightning_refuse('invalid', 'paymentProofValue', 'SHA-256 of the preimage must be paymentHash.');
    END IF;
    -- What is stored is compared before anything else is looked at: other content is a conflict, whatever is wrong with it.
    v_existed := EXISTS (SELECT FROM lightning.settlements AS s WHERE s.settlement_id = v_new.settlement_id);
    IF NOT v_existed THEN
        PERFORM khala_internal.lightning_check_paywall(v_new.paywall_id, v_new.owner_id);
        IF v_new.invoice_id IS NOT NULL THEN
            -- The invoice is locked before the settlement is written, so that all calls for one invoice take turns.
            SELECT i.* INTO v_invoice FROM lightning.invoices AS i WHERE i.invoice_id = v_new.invoice_id FOR UPDATE;
            IF NOT FOUND OR (v_invoice.paywall_id, v_invoice.owner_id) <> (v_new.paywall_id, v_new.owner_id) THEN
                PERFORM khala_internal.lightning_refuse('invalid', 'invoiceId', 'Record the invoice of this paywall first.');
            END IF;
            IF v_invoice.payment_hash <> v_new.payment_hash THEN
                PERFORM khala_internal.lightning_refuse('invalid', 'paymentProofValue', 'SHA-256 of the preimage must be the payment hash of the invoice.');
            END IF;
            IF v_new.amount_msats < v_invoice.amount_msats THEN
                PERFORM khala_internal.lightning_refuse('invalid', 'amountMsats', 'A settlement is at least the amount of its invoice.');
            END IF;
        END IF;

        INSERT INTO lightning.settlements AS s (
            settlement_id, paywall_id, owner_id, invoice_id, amount_msats, payment_hash, payment_proof_ref, request_id,
            task_id, route_id, metadata, created_at_ms
        )
        VALUES (
            v_new.settlement_id, v_new.paywall_id, v_new.owner_id, v_new.invoice_id, v_new.amount_msats, v_new.payment_hash,
            v_new.payment_proof_ref, v_new.request_id, v_new.task_id, v_new.route_id, v_new.metadata, v_now
        )
        ON CONFLICT DO NOTHING
        RETURNING s.* INTO v_row;
        v_existed := NOT FOUND;
    END IF;
    IF v_existed THEN
        SELECT s.* INTO v_row FROM lightning.settlements AS s WHERE s.settlement_id = v_new.settlement_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the payment of settlement % is recorded as another settlement', v_new.settlement_id
                USING ERRCODE = 'KH021', HINT = 'A payment hash and an invoice are settled once.';
        END IF;
        v_new.created_at_ms := v_row.created_at_ms;
        IF v_new IS DISTINCT FROM v_row THEN
            RAISE EXCEPTION 'settlement % is stored with other content', v_new.settlement_id
                USING ERRCODE = 'KH021', HINT = 'A settlement never changes; use another settlementId.';
        END IF;
        SELECT i.* INTO v_invoice FROM lightning.invoices AS i WHERE i.invoice_id = v_row.invoice_id FOR UPDATE;
    END IF;
    v_settles := v_invoice.status <> 'settled';
    IF v_settles THEN
        BEGIN
            UPDATE lightning.invoices AS i
            SET status = 'settled',
                payment_hash = coalesce(i.payment_hash, v_row.payment_hash),
                payment_proof_ref = coalesce(i.payment_proof_ref, v_row.payment_proof_ref),
                request_id = coalesce(i.request_id, v_row.request_id),
                settled_at_ms = v_now,
                updated_at_ms = greatest(v_now, i.updated_at_ms)
            WHERE i.invoice_id = v_invoice.invoice_id
            RETURNING i.* INTO v_invoice;
        EXCEPTION
            WHEN unique_violation THEN
                RAISE EXCEPTION 'another invoice has the payment hash of settlement %', v_new.settlement_id
                    USING ERRCODE = 'KH021', HINT = 'A payment hash belongs to one invoice.';
        END;
    END IF;

    v_document := khala_internal.lightning_record(to_jsonb(v_row));
    IF v_invoice.invoice_id IS NOT NULL THEN
        v_invoice_document := khala_internal.lightning_record(to_jsonb(v_invoice));
    END IF;
    IF NOT v_existed THEN
        PERFORM khala.sink('lightning.settlements', 'settlement/' || v_row.settlement_id, NULL, v_document, v_row.owner_id);
    END IF;
    IF v_settles THEN
        PERFORM khala.sink(
            'lightning.settlements', 'invoice/' || v_invoice.invoice_id, NULL, v_invoice_document, v_invoice.owner_id
        );
    END IF;
    RETURN jsonb_build_object('ok', TRUE, 'existed', v_existed, 'settlement', v_document)
        || CASE WHEN v_invoice_document IS NULL THEN '{}' ELSE jsonb_build_object('invoice', v_invoice_document) END;
END
$$;

COMMENT ON FUNCTION lightning.ingest_settlement(jsonb) IS
'Records a payment with its proof, and settles its invoice. Argument: JSON with settlementId, paywallId, ownerId, amountMsats, paymentProofType lightning_preimage and paymentProofValue (64 hexadecimal digits, not stored), all required; invoiceId, paymentHash, requestId, taskId, routeId, metadata. Result: ok, existed, settlement, and invoice where there is one. Errors: KH020 invalid argument, KH021 the settlement is stored with other content, or its payment as another settlement.';
REVOKE ALL ON FUNCTION lightning.ingest_settlement(jsonb) FROM public;
GRANT EXECUTE ON FUNCTION lightning.ingest_settlement(jsonb) TO lightning_ops;
