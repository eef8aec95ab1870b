-- Payload of a row in I-JSON. A member that is not I-JSON (a number that no double represents, nesting beyond the
-- limit) becomes a string: the digits of a number, else the JSON of the whole column.

CREATE OR REPLACE FUNCTION khala_internal.exact_payload(p_payload jsonb)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_member record;
    v_payload jsonb := p_payload;
BEGIN
    FOR v_member IN SELECT m.key, m.value FROM jsonb_each(p_payload) AS m LOOP
        BEGIN
            -- Nested as deeply as in the payload.
            PERFORM khala_internal.canonical_json(jsonb_build_array(v_member.value));
        EXCEPTION
            WHEN SQLSTATE 'KH005' THEN
                v_payload := jsonb_set(v_payload, ARRAY[v_member.key], to_jsonb(v_member.value::text));
        END;
    END LOOP;
    RETURN v_payload;
END
$$;

COMMENT ON FUNCTION khala_internal.exact_payload(jsonb) IS
'Internal: payload of a row in I-JSON. Argument: an object. Result: the object, with each member that is not I-JSON as a string. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.exact_payload(jsonb) FROM public;
