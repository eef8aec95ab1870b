-- Hash of a payment's preimage. The hash is public; the preimage proves the payment and is stored nowhere.

CREATE OR REPLACE FUNCTION khala_internal.lightning_preimage_hash(p_preimage text)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
SELECT encode(sha256(decode(p_preimage, 'hex')), 'hex');
END;

COMMENT ON FUNCTION khala_internal.lightning_preimage_hash(text) IS
'Internal: payment hash of a preimage. Argument: 64 hexadecimal digits. Result: SHA-256 of its 32 bytes in hexadecimal. Errors: none for hexadecimal digits.';
REVOKE ALL ON FUNCTION khala_internal.lightning_preimage_hash(text) FROM public;
