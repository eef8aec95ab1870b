-- What the read model has of some documents, for the write paths. Planned anew at each call, because a generic
-- plan over all read models locks every one of them first: with hundreds of topics that is slow, and a few
-- writers at once then run the server out of locks. Volatile, so that it sees what was committed until now.

CREATE OR REPLACE FUNCTION khala_internal.stored_documents(p_topic text, p_doc_keys text[])
RETURNS TABLE (
    doc_key text,
    doc_version bigint,
    payload_hash bytea,
    org_id text,
    deleted boolean,
    watermark bigint
)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
    RETURN QUERY
    SELECT d.doc_key, d.doc_version, d.payload_hash, d.org_id, d.deleted, d.watermark
    FROM runtime.sync_documents AS d
    WHERE d.topic = p_topic AND d.doc_key = ANY(p_doc_keys);
END
$$;

COMMENT ON FUNCTION khala_internal.stored_documents(text, text[]) IS
'Internal: documents as the read model has them now. Arguments: topic; keys. Result: a row for each that is there. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.stored_documents(text, text[]) FROM public;
