-- Reads an array of strings from the arguments of a call: trimmed, without blanks.

CREATE OR REPLACE FUNCTION khala_internal.lightning_names(p_args jsonb, p_field text, p_allowed text[] DEFAULT NULL)
RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_value jsonb := nullif(p_args -> p_field, 'null');
BEGIN
    IF v_value IS NULL THEN
        RETURN NULL;
    END IF;
    IF jsonb_typeof(v_value) <> 'array' OR jsonb_array_length(v_value) > 1000 THEN
        PERFORM khala_internal.lightning_refuse('invalid', p_field, 'Pass an array of at most 1000 strings.');
    END IF;
    RETURN (
        SELECT coalesce(array_agg(n.name) FILTER (WHERE n.name IS NOT NULL), '{}')
        FROM (
            SELECT khala_internal.lightning_text(jsonb_build_object(p_field, e.value), p_field, p_allowed => p_allowed) AS name
            FROM jsonb_array_elements(v_value) AS e
        ) AS n
    );
END
$$;

COMMENT ON FUNCTION khala_internal.lightning_names(jsonb, text, text[]) IS
'Internal: an array of strings of a call''s arguments. Arguments: the arguments; name; allowed values, null for any. Result: the strings, null if absent. Errors: KH020.';
REVOKE ALL ON FUNCTION khala_internal.lightning_names(jsonb, text, text[]) FROM public;
