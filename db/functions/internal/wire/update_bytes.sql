-- One Update of the wire as protobuf: field 1 of an UpdateBatch, tag and length included, so a batch is a
-- concatenation of such pieces. Fields are written in the order of their numbers and defaults are left out, as in
-- every protobuf library. The payload is written as it is, in canonical bytes.

CREATE OR REPLACE FUNCTION khala_internal.update_bytes(
    p_topic text,
    p_doc_key text,
    p_doc_version bigint,
    p_watermark bigint,
    p_payload_hash bytea,
    p_deleted boolean,
    p_payload text
)
RETURNS bytea
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_topic bytea := convert_to(p_topic, 'UTF8');
    v_doc_key bytea := convert_to(p_doc_key, 'UTF8');
    v_payload bytea := ''::bytea;
    -- Variables, because khala_internal.proto_short and khala_internal.proto_varint are inlined and repeat their argument.
    v_topic_length integer := octet_length(v_topic);
    v_doc_key_length integer := octet_length(v_doc_key);
    v_length integer;
    -- 1 topic, 2 doc_key; both are short
    v_fields bytea := E'\\x0a'::bytea || khala_internal.proto_short(v_topic_length) || v_topic
        || E'\\x12'::bytea || khala_internal.proto_short(v_doc_key_length) || v_doc_key;
BEGIN
    -- Statements rather than CASE: an expression that is not reached is not prepared.
    -- 3 doc_version, 4 watermark
    IF p_doc_version >= 16384 THEN
        v_fields := v_fields || E'\\x18'::bytea || khala_internal.proto_varint(p_doc_version);
    ELSIF p_doc_version > 0 THEN
        v_fields := v_fields || E'\\x18'::bytea || khala_internal.proto_short(p_doc_version::integer);
    END IF;
    IF p_watermark >= 16384 THEN
        v_fields := v_fields || E'\\x20'::bytea || khala_internal.proto_varint(p_watermark);
    ELSE
        v_fields := v_fields || E'\\x20'::bytea || khala_internal.proto_short(p_watermark::integer);
    END IF;
    IF p_deleted THEN
        -- 7 deleted
        v_fields := v_fields || E'\\x3801'::bytea;
    ELSIF p_payload IS NULL THEN
        -- 5 payload_hash, 6 hydration_required
        v_fields := v_fields || E'\\x2a20'::bytea || p_payload_hash || E'\\x3001'::bytea;
    ELSE
        -- 5 payload_hash, 9 payload_json
        v_payload := convert_to(p_payload, 'UTF8');
        v_length := octet_length(v_payload);
        IF v_length >= 16384 THEN
            v_fields := v_fields || E'\\x2a20'::bytea || p_payload_hash || E'\\x4a'::bytea || khala_internal.proto_varint(v_length);
        ELSE
            v_fields := v_fields || E'\\x2a20'::bytea || p_payload_hash || E'\\x4a'::bytea || khala_internal.proto_short(v_length);
        END IF;
    END IF;
    v_length := octet_length(v_fields) + octet_length(v_payload);
    IF v_length >= 16384 THEN
        -- A field that khala_internal.proto_short cannot represent always ends here.
        IF octet_length(v_fields) >= 16384 THEN
            RAISE EXCEPTION 'topic and doc_key have % bytes together', v_topic_length + v_doc_key_length
                USING ERRCODE = 'KH007', HINT = 'Use at most 16000 bytes together; the write paths accept keys of at most 512 characters.';
        END IF;
        RETURN E'\\x0a'::bytea || khala_internal.proto_varint(v_length) || v_fields || v_payload;
    END IF;
    RETURN E'\\x0a'::bytea || khala_internal.proto_short(v_length) || v_fields || v_payload;
END
$$;

COMMENT ON FUNCTION khala_internal.update_bytes(text, text, bigint, bigint, bytea, boolean, text) IS
'Internal: one Update as protobuf, ready for an UpdateBatch. Arguments: topic name as the subscriber wrote it; key; version; watermark; hash; whether it is a tombstone; canonical payload, null for a pointer. Result: bytes. Errors: KH007 topic or key of 16 KiB.';
REVOKE ALL ON FUNCTION khala_internal.update_bytes(text, text, bigint, bigint, bytea, boolean, text) FROM public;
