-- Reads free JSON from the arguments of a call. It becomes part of a document, so it is I-JSON.

CREATE OR REPLACE FUNCTION khala_internal.lightning_json(p_args jsonb, p_field text)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_value jsonb := nullif(p_args -> p_field, 'null');
BEGIN
    IF v_value IS NULL THEN
        RETURN NULL;
    END IF;
    BEGIN
        PERFORM c.canonical FROM khala_internal.canonical_text(jsonb_build_object('value', v_value)) AS c;
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
