-- End of an update_batch payload, after its updates.

CREATE OR REPLACE FUNCTION khala_internal.page_tail(
    p_topic text,
    p_complete boolean,
    p_head_watermark bigint,
    p_covered_watermark bigint
)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '],"replay_complete":' || p_complete::text
    || ',"head_watermarks":[{"topic":"' || p_topic || '","watermark":' || khala_internal.wire_integer(p_head_watermark)
    || '}],"covered_watermarks":[{"topic":"' || p_topic || '","watermark":' || khala_internal.wire_integer(p_covered_watermark)
    || '}]}';

COMMENT ON FUNCTION khala_internal.page_tail(text, boolean, bigint, bigint) IS
'Internal: end of an update_batch payload, from the closing bracket of its updates. Arguments: topic name as the subscriber wrote it; whether the page reaches the head; head; covered watermark. Result: the end of a JSON object. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.page_tail(text, boolean, bigint, bigint) FROM public;
