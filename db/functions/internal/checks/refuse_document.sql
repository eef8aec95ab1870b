-- Raises the error for a fault that khala_internal.document_fault found.

CREATE OR REPLACE FUNCTION khala_internal.refuse_document(
    p_fault text,
    p_ordinal integer,
    p_topic text,
    p_doc_key text,
    p_doc_version bigint,
    p_org_id text,
    p_payload jsonb,
    p_payload_bytes integer,
    p_inline_limit_bytes integer
)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_where text := json_build_object('ordinal', p_ordinal, 'doc_key', left(p_doc_key, 600))::text;
    v_document text := 'document ' || quote_literal(p_doc_key);
BEGIN
    CASE p_fault
        WHEN 'key' THEN
            RAISE EXCEPTION 'doc_key has % characters', coalesce(length(p_doc_key), 0)
                USING ERRCODE = 'KH007', DETAIL = v_where, HINT = 'Use 1 to 512 characters.';
        WHEN 'version' THEN
            RAISE EXCEPTION '% has doc_version %', v_document, p_doc_version
                USING ERRCODE = 'KH007', DETAIL = v_where,
                    HINT = 'Use a whole number from 0 that grows with every change, or NULL for the next version.';
        WHEN 'owner' THEN
            RAISE EXCEPTION 'org_id of % has % characters', v_document, length(p_org_id)
                USING ERRCODE = 'KH007', DETAIL = v_where, HINT = 'Use 1 to 200 characters, or NULL for a public document.';
        WHEN 'key and owner' THEN
            RAISE EXCEPTION 'doc_key and org_id of a document have % bytes together',
                octet_length(p_doc_key) + octet_length(p_org_id)
                USING ERRCODE = 'KH007', DETAIL = v_where, HINT = 'Use at most 2450 bytes of UTF-8 together.';
        WHEN 'not public' THEN
            RAISE EXCEPTION '% has an org_id, but topic % is public', v_document, p_topic
                USING ERRCODE = 'KH006', DETAIL = v_where,
                    HINT = 'Omit org_id, or make the topic owned or mixed (p_ownership of khala.register_topic).';
        WHEN 'not owned' THEN
            RAISE EXCEPTION '% has no org_id, but topic % is owned', v_document, p_topic
                USING ERRCODE = 'KH006', DETAIL = v_where,
                    HINT = 'Set org_id, or make the topic public or mixed (p_ownership of khala.register_topic), which shows documents without an organisation to everyone.';
        WHEN 'payload' THEN
            RAISE EXCEPTION 'payload of % is not an object but %',
                v_document, coalesce('a JSON ' || jsonb_typeof(p_payload), 'missing')
                USING ERRCODE = 'KH005', DETAIL = v_where, HINT = 'Send a JSON object; delete with khala.sink_delete.';
        WHEN 'deleted payload' THEN
            RAISE EXCEPTION '% is deleted and has a payload', v_document
                USING ERRCODE = 'KH007', DETAIL = v_where, HINT = 'Leave the payload out of a deletion.';
        WHEN 'size' THEN
            RAISE EXCEPTION 'payload of % has % bytes, topic % allows %',
                v_document, p_payload_bytes, p_topic, p_inline_limit_bytes
                USING ERRCODE = 'KH004',
                    DETAIL = json_build_object(
                        'ordinal', p_ordinal, 'doc_key', p_doc_key, 'payload_bytes', p_payload_bytes, 'limit', p_inline_limit_bytes
                    ),
                    HINT = 'Make the document smaller, or set payload_mode of the topic to auto, which delivers large documents as pointers.';
    END CASE;
END
$$;

COMMENT ON FUNCTION khala_internal.refuse_document(text, integer, text, text, bigint, text, jsonb, integer, integer) IS
'Internal: raises the error for a document that cannot be written. Arguments: result of khala_internal.document_fault; the document''s ordinal in the call; topic; key, version, owner and payload; bytes of canonical payload; the topic''s inline limit. Errors: KH004, KH005, KH006 or KH007.';
REVOKE ALL ON FUNCTION khala_internal.refuse_document(text, integer, text, text, bigint, text, jsonb, integer, integer) FROM public;
