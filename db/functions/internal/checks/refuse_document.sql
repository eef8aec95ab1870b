-- Says what is wrong with a document that the write paths will not take.

CREATE OR REPLACE FUNCTION khala_internal.refuse_document(
    p_ordinal integer,
    p_doc_key text,
    p_doc_version bigint,
    p_org_id text,
    p_payload jsonb,
    p_owned boolean
)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_where text := json_build_object('ordinal', p_ordinal, 'doc_key', left(p_doc_key, 600))::text;
BEGIN
    IF coalesce(length(p_doc_key) NOT BETWEEN 1 AND 512, TRUE) THEN
        RAISE EXCEPTION 'document key has % characters', coalesce(length(p_doc_key), 0)
            USING ERRCODE = 'KH007', DETAIL = v_where, HINT = 'Use 1 to 512 characters.';
    ELSIF coalesce(p_doc_version < 0, TRUE) THEN
        RAISE EXCEPTION 'document % has version %', quote_literal(p_doc_key), coalesce(p_doc_version::text, 'NULL')
            USING ERRCODE = 'KH007', DETAIL = v_where, HINT = 'Versions are whole numbers from 0 that grow with every change.';
    ELSIF length(p_org_id) NOT BETWEEN 1 AND 200 THEN
        RAISE EXCEPTION 'owner of document % has % characters', quote_literal(p_doc_key), length(p_org_id)
            USING ERRCODE = 'KH007', DETAIL = v_where, HINT = 'Use 1 to 200 characters, or null for a public document.';
    ELSIF octet_length(p_doc_key) + octet_length(p_org_id) > 2600 THEN
        RAISE EXCEPTION 'key and owner of a document have % bytes together', octet_length(p_doc_key) + octet_length(p_org_id)
            USING ERRCODE = 'KH007', DETAIL = v_where, HINT = 'Shorten them to 2600 bytes of UTF-8 together.';
    ELSIF p_org_id IS NOT NULL AND NOT p_owned THEN
        RAISE EXCEPTION 'document % names an owner, but documents of this topic are public', quote_literal(p_doc_key)
            USING ERRCODE = 'KH006', DETAIL = v_where,
                HINT = 'Leave p_org_id out, or register the topic with p_owned => true.';
    END IF;
    RAISE EXCEPTION 'payload of document % is not an object but %',
        quote_literal(p_doc_key), coalesce('a JSON ' || jsonb_typeof(p_payload), 'missing')
        USING ERRCODE = 'KH005', DETAIL = v_where, HINT = 'Send a JSON object; delete with khala.sink_delete.';
END
$$;

COMMENT ON FUNCTION khala_internal.refuse_document(integer, text, bigint, text, jsonb, boolean) IS
'Internal: raises the error for a document that cannot be written. Arguments: its ordinal in the call, key, version, owner and payload; whether the topic''s documents may have owners. Errors: KH005, KH006 or KH007.';
REVOKE ALL ON FUNCTION khala_internal.refuse_document(integer, text, bigint, text, jsonb, boolean) FROM public;
