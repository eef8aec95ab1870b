-- The authoritative document behind a pointer, whole however large.

CREATE OR REPLACE FUNCTION khala.hydrate(p_topic text, p_doc_key text, p_org_id text)
RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    v_cursor record;
    v_update text;
BEGIN
    v_cursor := khala.open_cursor(p_topic, NULL, NULL);
    SELECT khala.update_text(
        p_topic, d.doc_key, d.doc_version, d.watermark, d.payload_hash, FALSE,
        khala.payload_text(d.payload, d.payload_bytes)
    )
    INTO v_update
    FROM runtime.sync_documents AS d
    WHERE d.topic = v_cursor.topic AND d.doc_key = p_doc_key AND NOT d.deleted
        AND (d.org_id IS NULL OR d.org_id = p_org_id);
    RETURN v_update;
END
$$;

COMMENT ON FUNCTION khala.hydrate(text, text, text) IS
'One document with its payload. Arguments: topic, either name; document key; organisation, null sees public documents only. Result: an Update as JSON text; null when there is no such document, it is deleted, or belongs to another. Errors: KH001.';
REVOKE ALL ON FUNCTION khala.hydrate(text, text, text) FROM public;
GRANT EXECUTE ON FUNCTION khala.hydrate(text, text, text) TO khala_relay;
