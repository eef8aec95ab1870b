-- The rows of one page as one organisation may see them, whatever they are then written as. One more row
-- than fits comes along, marked, so that the caller knows where the page ends. Bound when created and
-- without a SET clause, so that it is inlined into the queries of khala.replay and khala.replay_binary.

CREATE OR REPLACE FUNCTION khala.page_updates(
    p_topic text,
    p_after bigint,
    p_until bigint,
    p_org_id text,
    p_max_updates integer,
    p_max_bytes integer
)
RETURNS TABLE (
    watermark bigint,
    doc_key text,
    doc_version bigint,
    payload_hash bytea,
    deleted boolean,
    payload text,
    fits boolean
)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
-- noqa: disable=RF03
SELECT m.watermark, m.doc_key, m.doc_version, m.payload_hash, m.deleted OR NOT m.own, m.payload,
    m.place = 1 OR (m.place <= p_max_updates AND m.bytes <= p_max_bytes)
FROM (
    SELECT v.*,
        row_number() OVER w AS place,
        sum(CASE WHEN v.payload IS NULL OR NOT v.own THEN 0 ELSE v.payload_bytes END
            + octet_length(v.doc_key) + 256) OVER w AS bytes
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
        ORDER BY j.watermark
        LIMIT p_max_updates + 1
    ) AS v
    WINDOW w AS (ORDER BY v.watermark)
) AS m;
END;

COMMENT ON FUNCTION khala.page_updates(text, bigint, bigint, text, integer, integer) IS
'Internal: the rows of a page for one organisation. Arguments: the topic''s own name; cursor; highest watermark to look at; organisation, null sees public documents only; most updates; most bytes. Result: the updates in no order, and at most one row more than fits. Errors: none.';
REVOKE ALL ON FUNCTION khala.page_updates(text, bigint, bigint, text, integer, integer) FROM public;
