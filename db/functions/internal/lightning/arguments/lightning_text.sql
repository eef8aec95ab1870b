-- Reads a string from the arguments of a call: trimmed, and absent where it is blank.

CREATE OR REPLACE FUNCTION khala_internal.lightning_text(
    p_args jsonb,
    p_field text,
    p_required boolean DEFAULT FALSE,
    p_allowed text[] DEFAULT NULL,
    p_most integer DEFAULT 2000
)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_value jsonb := p_args -> p_field;
    v_text text;
BEGIN
    IF jsonb_typeof(v_value) NOT IN ('string', 'null') THEN
        PERFORM khala_internal.lightning_refuse('invalid', p_field, 'Pass a string.');
    END IF;
    v_text := nullif(regexp_replace(p_args ->> p_field, '^[[:space:]]+|[[:space:]]+$', '', 'g'), '');
    IF v_text IS NULL THEN
        IF p_required THEN
            PERFORM khala_internal.lightning_refuse('missing', p_field, 'Pass a string that is not blank.');
        END IF;
        RETURN NULL;
    END IF;
    IF v_text <> ALL (p_allowed) THEN
        PERFORM khala_internal.lightning_refuse('invalid', p_field, 'Use ' || array_to_string(p_allowed, ', ') || '.');
    END IF;
    IF length(v_text) > p_most THEN
        PERFORM khala_internal.lightning_refuse('invalid', p_field, format('Use at most %s characters.', p_most));
    END IF;
    RETURN v_text;
END
$$;

COMMENT ON FUNCTION khala_internal.lightning_text(jsonb, text, boolean, text[], integer) IS
'Internal: a string of a call''s arguments. Arguments: the arguments; name; whether it is required; allowed values, null for any; most characters. Result: the trimmed string, null if absent or blank. Errors: KH020.';
REVOKE ALL ON FUNCTION khala_internal.lightning_text(jsonb, text, boolean, text[], integer) FROM public;
