-- Whether a value can be the id of an organisation, in one place for documents, entities and API keys. Bound at creation
-- and without a SET clause, so it is inlined.

CREATE OR REPLACE FUNCTION khala_internal.is_org_id(p_org_id text)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN length(p_org_id) BETWEEN 1 AND 200;

COMMENT ON FUNCTION khala_internal.is_org_id(text) IS
'Internal: whether a value has the 1 to 200 characters of an organisation''s id. Argument: the value. Result: null for null. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.is_org_id(text) FROM public;
