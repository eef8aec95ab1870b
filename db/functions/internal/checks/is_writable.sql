-- Whether the write paths take a document; khala_internal.refuse_document says why not. Bound when created and
-- without a SET clause, so that it is inlined. Key and owner are limited together because
-- the read model indexes them together, in at most a third of a page.

CREATE OR REPLACE FUNCTION khala_internal.is_writable(
    p_doc_key text,
    p_doc_version bigint,
    p_org_id text,
    p_payload jsonb,
    p_deleted boolean,
    p_owned boolean
)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    length(p_doc_key) BETWEEN 1 AND 512
    AND p_doc_version >= 0
    AND (p_org_id IS NULL OR (p_owned AND length(p_org_id) BETWEEN 1 AND 200))
    AND octet_length(p_doc_key) + coalesce(octet_length(p_org_id), 0) <= 2600
    AND (p_deleted OR jsonb_typeof(p_payload) = 'object')
);

COMMENT ON FUNCTION khala_internal.is_writable(text, bigint, text, jsonb, boolean, boolean) IS
'Internal: whether a document can be written. Arguments: key; version; owner; payload; whether it is a tombstone; whether the topic''s documents may have owners. Result: true, or false or null. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.is_writable(text, bigint, text, jsonb, boolean, boolean) FROM public;
