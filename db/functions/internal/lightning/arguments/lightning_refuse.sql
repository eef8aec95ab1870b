-- Raises the error for an argument of the control plane that is missing or invalid, in the words of its API.

CREATE OR REPLACE FUNCTION khala_internal.lightning_refuse(p_reason text, p_field text, p_hint text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION '%_%', p_reason, p_field USING ERRCODE = 'KH020', HINT = p_hint;
END
$$;

COMMENT ON FUNCTION khala_internal.lightning_refuse(text, text, text) IS
'Internal: raises the error for an argument. Arguments: missing or invalid; name of the argument; what to do. Errors: KH020, with the message missing_<argument> or invalid_<argument>.';
REVOKE ALL ON FUNCTION khala_internal.lightning_refuse(text, text, text) FROM public;
