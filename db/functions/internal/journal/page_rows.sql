-- The rows of the journal in a range of watermarks as one organisation may see them, whatever they are then
-- written as, and the room each takes in a page. Bound when created and without a SET clause, so that it is
-- inlined: what a caller does not ask for, the payload above all, is not read.

CREATE OR REPLACE FUNCTION khala_internal.page_rows(p_topic text, p_after bigint, p_until bigint, p_org_id text)
RETURNS TABLE (
    watermark bigint,
    doc_key text,
    doc_version bigint,
    payload_hash bytea,
    deleted boolean,
    payload text,
    bytes integer
)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
-- noqa: disable=RF03
SELECT v.watermark, v.doc_key, v.doc_version, v.payload_hash, v.deleted OR NOT v.own, v.payload,
    CASE WHEN v.payload IS NULL OR NOT v.own THEN 0 ELSE v.payload_bytes END + octet_length(v.doc_key) + 256
FROM (
    SELECT j.watermark, j.doc_key, j.doc_version, j.payload_hash, j.deleted, j.payload, j.payload_bytes,
        j.org_id IS NULL OR j.org_id = p_org_id IS TRUE AS own
    FROM runtime.sync_stream_events AS j
    WHERE j.topic = p_topic AND j.watermark > p_after AND j.watermark <= p_until
        AND (
            j.org_id IS NULL OR j.org_id = p_org_id
            -- Somebody who could see the document until now gets a tombstone in its place.
            OR (j.owner_changed AND (j.previous_org_id IS NULL OR j.previous_org_id = p_org_id))
        )
) AS v;
END;

COMMENT ON FUNCTION khala_internal.page_rows(text, bigint, bigint, text) IS
'Internal: the rows of a page for one organisation. Arguments: the topic''s own name; cursor; last watermark; organisation, null sees public documents only. Result: the updates in no order, each with the bytes it counts for. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.page_rows(text, bigint, bigint, text) FROM public;
