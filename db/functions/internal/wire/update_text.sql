-- One Update of the wire as JSON; every function that builds JSON for the wire uses it. Bound at creation and without
-- a SET clause, so it is inlined: it runs once for every row delivered.

CREATE OR REPLACE FUNCTION khala_internal.update_text(
    p_topic text,
    p_doc_key text,
    p_doc_version bigint,
    p_watermark bigint,
    p_payload_hash bytea,
    p_deleted boolean,
    p_payload text
)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN '{"topic":"' || p_topic
    || '","doc_key":' || to_json(p_doc_key)::text
    || ',"doc_version":' || khala_internal.wire_integer(p_doc_version)
    || ',"watermark":' || khala_internal.wire_integer(p_watermark)
    || CASE
        WHEN p_deleted THEN ',"payload_hash":"","hydration_required":false,"deleted":true}'
        ELSE ',"payload_hash":"' || encode(p_payload_hash, 'base64')
            || CASE
                WHEN p_payload IS NULL THEN '","hydration_required":true}'
                ELSE '","hydration_required":false,"payload":' || p_payload || '}'
            END
    END;

COMMENT ON FUNCTION khala_internal.update_text(text, text, bigint, bigint, bytea, boolean, text) IS
'Internal: one Update as JSON. Arguments: topic name as the subscriber wrote it; key; version; watermark; hash; whether it is a tombstone; canonical payload, null for a pointer. Result: a JSON object. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.update_text(text, text, bigint, bigint, bytea, boolean, text) FROM public;
