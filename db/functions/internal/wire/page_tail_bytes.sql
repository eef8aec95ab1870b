-- End of an UpdateBatch as protobuf, after its updates: fields 2 replay_complete, 3 head_watermarks and 4
-- covered_watermarks.

CREATE OR REPLACE FUNCTION khala_internal.page_tail_bytes(
    p_topic text,
    p_complete boolean,
    p_head_watermark bigint,
    p_covered_watermark bigint
)
RETURNS bytea
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_length integer := octet_length(p_topic);
    v_head bytea := E'\\x0a'::bytea || khala_internal.proto_short(v_length) || convert_to(p_topic, 'UTF8');
    v_covered bytea := v_head;
BEGIN
    IF p_head_watermark >= 16384 THEN
        v_head := v_head || E'\\x10'::bytea || khala_internal.proto_varint(p_head_watermark);
    ELSIF p_head_watermark > 0 THEN
        v_head := v_head || E'\\x10'::bytea || khala_internal.proto_short(p_head_watermark::integer);
    END IF;
    -- Encoding a large number takes longer than the rest.
    IF p_covered_watermark = p_head_watermark THEN
        v_covered := v_head;
    ELSIF p_covered_watermark >= 16384 THEN
        v_covered := v_covered || E'\\x10'::bytea || khala_internal.proto_varint(p_covered_watermark);
    ELSIF p_covered_watermark > 0 THEN
        v_covered := v_covered || E'\\x10'::bytea || khala_internal.proto_short(p_covered_watermark::integer);
    END IF;
    v_length := octet_length(v_head);
    v_head := E'\\x1a'::bytea || khala_internal.proto_short(v_length) || v_head;
    v_length := octet_length(v_covered);
    RETURN CASE WHEN p_complete THEN E'\\x1001'::bytea ELSE ''::bytea END
        || v_head || E'\\x22'::bytea || khala_internal.proto_short(v_length) || v_covered;
END
$$;

COMMENT ON FUNCTION khala_internal.page_tail_bytes(text, boolean, bigint, bigint) IS
'Internal: end of an UpdateBatch as protobuf, after its updates. Arguments: topic name as the subscriber wrote it; whether the page reaches the head; head; covered watermark. Result: bytes. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.page_tail_bytes(text, boolean, bigint, bigint) FROM public;
