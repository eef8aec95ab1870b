-- Converts a string to a payload. Type jsonb silently keeps the last of duplicate keys and reports malformed JSON in
-- the server's terms; here both raise the error for a payload that is not I-JSON.

CREATE OR REPLACE FUNCTION khala.parse_payload(p_text text)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_payload jsonb;
    v_reason text;
    v_duplicate text;
BEGIN
    BEGIN
        v_payload := p_text::jsonb;
    EXCEPTION
        WHEN invalid_text_representation OR untranslatable_character OR numeric_value_out_of_range
        OR statement_too_complex OR program_limit_exceeded THEN
            GET STACKED DIAGNOSTICS v_reason = PG_EXCEPTION_DETAIL;
            RAISE EXCEPTION 'payload is not JSON'
                USING ERRCODE = 'KH005', DETAIL = coalesce(nullif(v_reason, ''), SQLERRM),
                    HINT = 'Send one I-JSON object (RFC 7493) in UTF-8.';
    END;
    IF jsonb_typeof(v_payload) <> 'object' THEN
        RAISE EXCEPTION 'payload is not an object but a JSON %', jsonb_typeof(v_payload)
            USING ERRCODE = 'KH005', HINT = 'Wrap the value in an object.';
    END IF;

    -- Before the search for duplicates, whose cost grows with the depth that this limits.
    PERFORM c.canonical FROM khala_internal.canonical_text(v_payload) AS c;

    WITH RECURSIVE node AS (
        SELECT p_text::json AS value
        UNION ALL
        SELECT child.value
        FROM node
        CROSS JOIN LATERAL (
            SELECT m.value
            FROM json_each(CASE WHEN json_typeof(node.value) = 'object' THEN node.value END) AS m
            UNION ALL
            SELECT e.value
            FROM json_array_elements(CASE WHEN json_typeof(node.value) = 'array' THEN node.value END) AS e
        ) AS child
        WHERE json_typeof(child.value) IN ('object', 'array')
    )
    SELECT m.key INTO v_duplicate
    FROM node
    CROSS JOIN LATERAL (
        SELECT k.key
        FROM json_object_keys(CASE WHEN json_typeof(node.value) = 'object' THEN node.value END) AS k (key)
        GROUP BY k.key
        HAVING count(*) > 1
    ) AS m
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'payload has the key % twice in one object', to_json(left(v_duplicate, 100))
            USING ERRCODE = 'KH005', HINT = 'Use each key once in an object.';
    END IF;

    RETURN v_payload;
END
$$;

COMMENT ON FUNCTION khala.parse_payload(text) IS
'I-JSON object that a string contains. Argument: the string. Result: the payload for khala.sink. Errors: KH005 when it is not JSON, not an object, has duplicate keys, lone surrogates, or numbers that no double represents.';
REVOKE ALL ON FUNCTION khala.parse_payload(text) FROM public;
GRANT EXECUTE ON FUNCTION khala.parse_payload(text) TO khala_runtime, khala_relay, khala_dba;
