-- First place where a payload does not match the schema of its topic. A payload may be nested as deeply as JSON is, and the
-- check is recursive: what it cannot check is refused too, not an error that would stop the rows of an attached table.

CREATE OR REPLACE FUNCTION khala_internal.payload_fault(p_schema jsonb, p_payload jsonb, OUT path text, OUT fault text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT f.path, f.fault INTO path, fault
    FROM khala_internal.schema_fault(p_schema, p_payload, p_schema) AS f;
EXCEPTION
    WHEN statement_too_complex OR invalid_regular_expression THEN
        path := '';
        fault := 'cannot be checked: ' || SQLERRM;
END
$$;

COMMENT ON FUNCTION khala_internal.payload_fault(jsonb, jsonb) IS
'Internal: first place where a payload does not match a JSON Schema. Arguments: the schema; the payload. Result: JSON Pointer and fault; null when it matches. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.payload_fault(jsonb, jsonb) FROM public;
