-- Fault that keeps a document from being written, if any: the limits of key, version, owner and payload, in one place
-- for both write paths. khala_internal.refuse_document has the messages. Key and owner are limited together because
-- the read model indexes them together, in at most a third of a page, with the topic's name of up to 200 bytes. A
-- tombstone needs no owner: it keeps that of the document. Bound at creation and without a SET clause, so it is inlined.

CREATE OR REPLACE FUNCTION khala_internal.document_fault(
    p_doc_key text,
    p_doc_version bigint,
    p_org_id text,
    p_payload jsonb,
    p_deleted boolean,
    p_ownership text,
    p_payload_bytes integer,
    p_payload_mode text,
    p_inline_limit_bytes integer
)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN (length(p_doc_key) BETWEEN 1 AND 512) IS NOT TRUE THEN 'key'
    WHEN p_doc_version < 0 THEN 'version'
    WHEN NOT khala_internal.is_org_id(p_org_id) THEN 'owner'
    WHEN octet_length(p_doc_key) + octet_length(p_org_id) > 2450 THEN 'key and owner'
    WHEN p_org_id IS NOT NULL AND p_ownership = 'public' THEN 'not public'
    WHEN p_org_id IS NULL AND p_ownership = 'owned' AND NOT p_deleted THEN 'not owned'
    WHEN p_deleted IS NOT TRUE AND (jsonb_typeof(p_payload) = 'object') IS NOT TRUE THEN 'payload'
    WHEN p_deleted IS NOT FALSE AND p_payload IS NOT NULL THEN 'deleted payload'
    WHEN p_payload_bytes > p_inline_limit_bytes AND p_payload_mode = 'inline' THEN 'size'
END;

COMMENT ON FUNCTION khala_internal.document_fault(text, bigint, text, jsonb, boolean, text, integer, text, integer) IS
'Internal: fault of a document. Arguments: key; version, null for the next; owner; payload; tombstone flag; the topic''s ownership; bytes of canonical payload; the topic''s payload mode and inline limit. Result: a name for khala_internal.refuse_document, null for a document that can be written. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.document_fault(text, bigint, text, jsonb, boolean, text, integer, text, integer) FROM public;
