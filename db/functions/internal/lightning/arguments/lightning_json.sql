-- Reads free JSON from the arguments of a call. It becomes part of a document, so it is I-JSON. Plain JSON always is:
-- making its canonical JSON, 19 µs for the smallest object, would tell no more than the test, which takes 3.

CREATE OR REPLACE FUNCTION khala_internal.lightning_json(p_args jsonb, p_field text)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_value jsonb := nullif(p_args -> p_field, 'null');
BEGIN
    IF v_value IS NULL OR khala_internal.is_plain_json(jsonb_build_object('value', v_value)::text) THEN
        RETURN v_value;
    END IF;
    BEGIN
        PERFORM khala_internal.canonical_json(jsonb_build_object('value', v_value));
    EXCEPTION
        WHEN SQLSTATE 'KH005' THEN
            PERFORM khala_internal.lightning_refuse('invalid', p_field, 'Use numbers that a double holds exactly, and at most 60 levels.');
    END;
    RETURN v_value;
END
$$;

COMMENT ON FUNCTION khala_internal.lightning_json(jsonb, text) IS
'Internal: free JSON of a call''s arguments. Arguments: the arguments; name. Result: the value, null if absent or JSON null. Errors: KH020.';
REVOKE ALL ON FUNCTION khala_internal.lightning_json(jsonb, text) FROM public;
