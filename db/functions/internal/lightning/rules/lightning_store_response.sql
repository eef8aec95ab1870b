-- Keeps the response of an owner's write for a day, and forgets older ones.

CREATE OR REPLACE FUNCTION khala_internal.lightning_store_response(p_owner_id text, p_key text, p_request jsonb, p_response jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_key IS NULL THEN
        RETURN;
    END IF;
    DELETE FROM lightning.idempotency_keys AS k
    WHERE k.ctid IN (
        SELECT o.ctid FROM lightning.idempotency_keys AS o
        WHERE o.created_at < clock_timestamp() - INTERVAL '24 hours' LIMIT 100 FOR UPDATE SKIP LOCKED
    );
    INSERT INTO lightning.idempotency_keys AS k (owner_id, idempotency_key, request_hash, response)
    VALUES (p_owner_id, p_key, sha256(convert_to(p_request::text, 'UTF8')), p_response)
    ON CONFLICT (owner_id, idempotency_key) DO UPDATE
    SET request_hash = excluded.request_hash, response = excluded.response, created_at = clock_timestamp();
END
$$;

COMMENT ON FUNCTION khala_internal.lightning_store_response(text, text, jsonb, jsonb) IS
'Internal: keeps the response of an owner''s write. Arguments: owner; key, null for none; the request; the response. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.lightning_store_response(text, text, jsonb, jsonb) FROM public;
