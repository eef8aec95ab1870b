-- What follows the updates in an UpdateBatch as protobuf: fields 2 replay_complete, 3 head_watermarks and
-- 4 covered_watermarks.

CREATE OR REPLACE FUNCTION khala.page_tail_bytes(
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
    v_topic bytea := '\x0a'::bytea || khala.proto_varint(octet_length(p_topic)) || convert_to(p_topic, 'UTF8');
    v_head bytea := v_topic
        || CASE WHEN p_head_watermark > 0 THEN '\x10'::bytea || khala.proto_varint(p_head_watermark) ELSE ''::bytea END;
    v_covered bytea := v_topic
        || CASE WHEN p_covered_watermark > 0 THEN '\x10'::bytea || khala.proto_varint(p_covered_watermark) ELSE ''::bytea END;
BEGIN
    RETURN CASE WHEN p_complete THEN '\x1001'::bytea ELSE ''::bytea END
        || '\x1a'::bytea || khala.proto_varint(octet_length(v_head)) || v_head
        || '\x22'::bytea || khala.proto_varint(octet_length(v_covered)) || v_covered;
END
$$;

COMMENT ON FUNCTION khala.page_tail_bytes(text, boolean, bigint, bigint) IS
'Internal: the end of an UpdateBatch as protobuf, after its updates. Arguments: topic name as the subscriber wrote it; whether the page reaches the head; head; covered watermark. Result: bytes. Errors: none.';
REVOKE ALL ON FUNCTION khala.page_tail_bytes(text, boolean, bigint, bigint) FROM public;
