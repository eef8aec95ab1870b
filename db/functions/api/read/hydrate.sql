-- Authoritative document behind a pointer, complete whatever its size.

CREATE OR REPLACE FUNCTION khala.hydrate(p_topic text, p_doc_key text, p_org_id text, p_subset jsonb DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_cursor record;
BEGIN
    v_cursor := khala_internal.open_cursor(p_topic, NULL, NULL);
    RETURN (
        SELECT khala_internal.update_text(
            p_topic, d.doc_key, d.doc_version, d.watermark, d.payload_hash, FALSE,
            khala_internal.payload_text(d.payload::text, d.payload, d.payload_bytes)
        )
        FROM runtime.sync_documents AS d
        WHERE d.topic = v_cursor.topic AND d.doc_key = p_doc_key
            AND NOT d.deleted AND (d.org_id IS NULL OR d.org_id = p_org_id)
            AND (p_subset IS NULL OR EXISTS (
                SELECT FROM khala_internal.key_marks(d.doc_key, khala_internal.subset_lengths(p_subset), p_subset -> 'marks')
            ))
    );
END
$$;

COMMENT ON FUNCTION khala.hydrate(text, text, text, jsonb) IS
'One document with its payload. Arguments: topic, either name; document key; organisation, null sees public documents only; subset of the keys, from khala.check_cursors, null for all. Result: an Update as JSON; null when the document does not exist, is deleted, belongs to another organisation or is not in the subset. Errors: KH001.';
REVOKE ALL ON FUNCTION khala.hydrate(text, text, text, jsonb) FROM public;
GRANT EXECUTE ON FUNCTION khala.hydrate(text, text, text, jsonb) TO khala_relay;
