-- One document as the read model has it, a tombstone too, for those who write it or administer it: whoever owns it.

CREATE OR REPLACE FUNCTION khala.get_document(p_topic text, p_doc_key text)
RETURNS TABLE (
    doc_key text,
    doc_version bigint,
    watermark bigint,
    org_id text,
    deleted boolean,
    updated_at timestamptz,
    payload jsonb
)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF NOT EXISTS (SELECT FROM runtime.sync_topics AS t WHERE t.topic = p_topic) THEN
        PERFORM khala_internal.refuse_topic(p_topic);
    END IF;
    RETURN QUERY
    SELECT d.doc_key, d.doc_version, d.watermark, nullif(d.org_id, ''), d.deleted, d.updated_at, d.payload
    FROM runtime.sync_documents AS d
    WHERE d.topic = p_topic AND d.doc_key = p_doc_key;
END
$$;

COMMENT ON FUNCTION khala.get_document(text, text) IS
'One document of the read model. Arguments: topic; document key. Result: its key, version, watermark of the last change, owner (null: public), whether it is a tombstone, time of the last change and payload (null for a tombstone); no row when there never was one. Errors: KH001.';
REVOKE ALL ON FUNCTION khala.get_document(text, text) FROM public;
GRANT EXECUTE ON FUNCTION khala.get_document(text, text) TO khala_runtime, khala_dba;
