-- Value of a json column inside a document. Type json keeps what jsonb refuses: \u0000, lone surrogates, numbers of a
-- million digits; such a value becomes a string with its JSON.

CREATE OR REPLACE FUNCTION khala_internal.json_value(p_value json)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN p_value::jsonb;
EXCEPTION
    WHEN data_exception OR program_limit_exceeded THEN
        RETURN to_jsonb(p_value::text);
END
$$;

COMMENT ON FUNCTION khala_internal.json_value(json) IS
'Internal: value of a json column inside a document. Argument: the value. Result: the value, or a string with its JSON if jsonb cannot hold it. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.json_value(json) FROM public;
