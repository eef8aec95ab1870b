-- Rows of the journal in a range of watermarks as one organisation may see them, of the keys of a subset, with the bytes
-- that each takes in a page. Bound at creation and without a SET clause, so it is inlined: columns that a caller does not select, the
-- payload above all, are not read.

CREATE OR REPLACE FUNCTION khala_internal.page_rows(
    p_topic text,
    p_after bigint,
    p_until bigint,
    p_org_id text,
    p_compact boolean,
    p_lengths integer[],
    p_marks jsonb
)
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
-- noqa: disable=RF02,RF03
SELECT v.watermark, v.doc_key, v.doc_version, v.payload_hash, v.gone, v.payload,
    khala_internal.row_bytes(v.doc_key, CASE WHEN v.payload IS NOT NULL AND NOT v.gone THEN v.payload_bytes END)
FROM (
    SELECT j.watermark, j.doc_key, j.doc_version, j.payload_hash, j.payload, j.payload_bytes,
        j.deleted OR (j.org_id IS NULL OR j.org_id = p_org_id) IS NOT TRUE AS gone
    FROM runtime.sync_stream_events AS j
    WHERE j.topic = p_topic AND j.watermark > p_after AND j.watermark <= p_until
        AND (
            j.org_id IS NULL OR j.org_id = p_org_id
            -- A subscriber that could see the document until now receives a tombstone in its place.
            OR (j.owner_changed AND (j.previous_org_id IS NULL OR j.previous_org_id = p_org_id))
        )
        AND (p_marks IS NULL OR EXISTS (SELECT FROM khala_internal.key_marks(j.doc_key, p_lengths, p_marks)))
) AS v
-- A subscriber that sees a version also sees what replaced it: the next version, or the tombstone of a deletion or a
-- change of owner. A tombstone may be the last row that its receiver sees, so each is kept.
WHERE NOT p_compact OR v.gone OR NOT EXISTS (
    SELECT FROM runtime.sync_documents AS d
    WHERE d.topic = p_topic AND d.doc_key = v.doc_key AND d.watermark > v.watermark
);
END;

COMMENT ON FUNCTION khala_internal.page_rows(text, bigint, bigint, text, boolean, integer[], jsonb) IS
'Internal: rows of a page for one organisation. Arguments: the topic''s own name; cursor; last watermark; organisation, null sees public documents only; whether to leave out versions that a later row has replaced; lengths and marks of the subset, null for all keys. Result: the updates in no order, each with the bytes it counts for. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.page_rows(text, bigint, bigint, text, boolean, integer[], jsonb) FROM public;
