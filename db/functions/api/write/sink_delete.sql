-- Deletes a document with a tombstone, which everyone who could see the document receives.

CREATE OR REPLACE FUNCTION khala.sink_delete(
    p_topic text,
    p_doc_key text,
    p_doc_version bigint,
    p_org_id text DEFAULT NULL
)
RETURNS TABLE (watermark bigint, outcome text)
LANGUAGE sql VOLATILE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
SELECT s.watermark, s.outcome FROM khala.sink(p_topic, p_doc_key, p_doc_version, NULL, p_org_id, TRUE) AS s;
$$;

COMMENT ON FUNCTION khala.sink_delete(text, text, bigint, text) IS
'Deletes a document. Arguments: topic; document key; version of the deletion, above the last one, null for the next; owner, used only when no document is stored (null: nobody receives the tombstone in an owned topic, everybody elsewhere). Result: watermark and outcome as khala.sink. Errors: KH001, KH006, KH007, KH008 as khala.sink.';
REVOKE ALL ON FUNCTION khala.sink_delete(text, text, bigint, text) FROM public;
GRANT EXECUTE ON FUNCTION khala.sink_delete(text, text, bigint, text) TO khala_runtime;
