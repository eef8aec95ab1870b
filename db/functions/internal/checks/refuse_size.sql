-- Raises the error for a payload that is too large for a topic in inline mode.

CREATE OR REPLACE FUNCTION khala_internal.refuse_size(
    p_ordinal integer,
    p_doc_key text,
    p_topic text,
    p_payload_bytes integer,
    p_limit integer
)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'payload has % bytes, topic % takes %', p_payload_bytes, p_topic, p_limit
        USING ERRCODE = 'KH004',
            DETAIL = json_build_object(
                'ordinal', p_ordinal, 'doc_key', p_doc_key, 'payload_bytes', p_payload_bytes, 'limit', p_limit
            ),
            HINT = 'Make the document smaller, or let the topic deliver large ones as pointers (payload mode auto).';
END
$$;

COMMENT ON FUNCTION khala_internal.refuse_size(integer, text, text, integer, integer) IS
'Internal: raises the error for a payload above the limit of an inline topic. Arguments: ordinal of the document in the call; its key; topic; canonical bytes; limit. Errors: KH004.';
REVOKE ALL ON FUNCTION khala_internal.refuse_size(integer, text, text, integer, integer) FROM public;
