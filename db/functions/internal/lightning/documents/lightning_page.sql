-- A page of documents in the order of their times, and the cursor after it. A cursor names the last document of its
-- page.

CREATE OR REPLACE FUNCTION khala_internal.lightning_page(p_name text, p_documents jsonb[], p_limit integer, p_time text, p_id text)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT jsonb_build_object(p_name, to_jsonb(p_documents[:p_limit])) || CASE
    WHEN cardinality(p_documents) <= p_limit THEN '{}'
    ELSE jsonb_build_object('nextCursor', (p_documents[p_limit] ->> p_time) || ':' || (p_documents[p_limit] ->> p_id))
END
$$;

COMMENT ON FUNCTION khala_internal.lightning_page(text, jsonb[], integer, text, text) IS
'Internal: a page of documents. Arguments: name of the array; documents, one more than the page holds if there are more; documents of a page; fields of time and identifier. Result: the page, with nextCursor where there is more. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.lightning_page(text, jsonb[], integer, text, text) FROM public;
