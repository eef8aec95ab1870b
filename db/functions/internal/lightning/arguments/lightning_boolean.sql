-- Reads a boolean from the arguments of a call.

CREATE OR REPLACE FUNCTION khala_internal.lightning_boolean(p_args jsonb, p_field text, p_required boolean DEFAULT FALSE)
RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_value jsonb := p_args -> p_field;
BEGIN
    IF v_value IS NULL OR v_value = 'null' THEN
        IF p_required THEN
            PERFORM khala_internal.lightning_refuse('missing', p_field, 'Pass true or false.');
        END IF;
        RETURN NULL;
    END IF;
    IF jsonb_typeof(v_value) <> 'boolean' THEN
        PERFORM khala_internal.lightning_refuse('invalid', p_field, 'Pass true or false.');
    END IF;
    RETURN v_value::boolean;
END
$$;

COMMENT ON FUNCTION khala_internal.lightning_boolean(jsonb, text, boolean) IS
'Internal: a boolean of a call''s arguments. Arguments: the arguments; name; whether it is required. Result: the boolean, null if absent. Errors: KH020.';
REVOKE ALL ON FUNCTION khala_internal.lightning_boolean(jsonb, text, boolean) FROM public;
