-- Reads an integer from the arguments of a call.

CREATE OR REPLACE FUNCTION khala_internal.lightning_integer(
    p_args jsonb,
    p_field text,
    p_required boolean DEFAULT FALSE,
    p_least bigint DEFAULT 0,
    p_most bigint DEFAULT 9007199254740991
)
RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_value jsonb := p_args -> p_field;
    v_number numeric;
BEGIN
    IF v_value IS NULL OR v_value = 'null' THEN
        IF p_required THEN
            PERFORM khala_internal.lightning_refuse('missing', p_field, 'Pass an integer.');
        END IF;
        RETURN NULL;
    END IF;
    IF jsonb_typeof(v_value) = 'number' THEN
        v_number := v_value::numeric;
        IF v_number = trunc(v_number) AND v_number BETWEEN p_least AND p_most THEN
            RETURN v_number::bigint;
        END IF;
    END IF;
    PERFORM khala_internal.lightning_refuse('invalid', p_field, format('Pass an integer from %s to %s.', p_least, p_most));
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION khala_internal.lightning_integer(jsonb, text, boolean, bigint, bigint) IS
'Internal: an integer of a call''s arguments. Arguments: the arguments; name; whether it is required; least and largest value. Result: the integer, null if absent. Errors: KH020.';
REVOKE ALL ON FUNCTION khala_internal.lightning_integer(jsonb, text, boolean, bigint, bigint) FROM public;
