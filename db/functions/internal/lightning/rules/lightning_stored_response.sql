-- Response of an owner's earlier write with the same idempotency key. Calls with the same key take turns.

CREATE OR REPLACE FUNCTION khala_internal.lightning_stored_response(p_owner_id text, p_key text, p_request jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_hash bytea;
    v_response jsonb;
BEGIN
    IF p_key IS NULL THEN
        RETURN NULL;
    END IF;
    IF length(p_key) NOT BETWEEN 1 AND 255 THEN
        PERFORM khala_internal.lightning_refuse('invalid', 'Idempotency-Key', 'Use 1 to 255 characters.');
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('lightning ' || p_owner_id || ' ' || p_key, 0));
    SELECT k.request_hash, k.response INTO v_hash, v_response
    FROM lightning.idempotency_keys AS k
    WHERE k.owner_id = p_owner_id AND k.idempotency_key = p_key AND k.created_at > clock_timestamp() - INTERVAL '24 hours';
    IF v_hash <> sha256(convert_to(p_request::text, 'UTF8')) THEN
        RAISE EXCEPTION 'the idempotency key was used for another request'
            USING ERRCODE = 'KH021', HINT = 'Use a new Idempotency-Key for each request.';
    END IF;
    RETURN v_response;
END
$$;

COMMENT ON FUNCTION khala_internal.lightning_stored_response(text, text, jsonb) IS
'Internal: response of an earlier write with the same key. Arguments: owner; key, null for none; the request. Result: the response, null if there is none. Errors: KH020, KH021.';
REVOKE ALL ON FUNCTION khala_internal.lightning_stored_response(text, text, jsonb) FROM public;
