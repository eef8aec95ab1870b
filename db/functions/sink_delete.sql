-- Deletes a document by a tombstone that everybody who could see the document receives.

CREATE OR REPLACE FUNCTION khala.sink_delete(
    p_topic text,
    p_doc_key text,
    p_doc_version bigint,
    p_org_id text DEFAULT NULL
)
RETURNS TABLE (watermark bigint, outcome text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_result record;
BEGIN
    v_result := khala.write_documents(
        p_topic, ARRAY[p_doc_key], ARRAY[p_doc_version], ARRAY[p_org_id], ARRAY[NULL::jsonb], ARRAY[TRUE]
    );
    watermark := v_result.watermarks[1];
    outcome := v_result.outcomes[1];
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION khala.sink_delete(text, text, bigint, text) IS
'Deletes a document. Arguments: topic; document key; version of the deletion, above the last one; owner, used only when the document was never seen. Result: watermark and outcome as khala.sink. Errors: KH001, KH006, KH007 as khala.sink.';
REVOKE ALL ON FUNCTION khala.sink_delete(text, text, bigint, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION khala.sink_delete(text, text, bigint, text) TO khala_runtime;
