-- Rows of one page of the live feed, each with an audience: the rule that decides which organisations receive an
-- update when a document is public, owned, or leaves its owner; and the marks by which those find it that follow a
-- subset (khala_internal.key_marks). Bound at creation and without a SET clause, so it is
-- inlined into khala.replay_feed and khala.replay_feed_binary.

CREATE OR REPLACE FUNCTION khala_internal.feed_updates(
    p_topic text,
    p_after bigint,
    p_until bigint,
    p_lengths integer[]
)
RETURNS TABLE (
    watermark bigint,
    org_id text,
    except_org_id text,
    doc_key text,
    doc_version bigint,
    payload_hash bytea,
    deleted boolean,
    payload text,
    marks json
)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
-- noqa: disable=RF02,RF03
SELECT j.watermark, audience.org_id, audience.except_org_id, j.doc_key, j.doc_version, j.payload_hash,
    j.deleted OR audience.leaves, j.payload,
    CASE WHEN p_lengths IS NOT NULL THEN (SELECT json_agg(m.mark) FROM khala_internal.key_marks(j.doc_key, p_lengths) AS m) END
FROM runtime.sync_stream_events AS j
CROSS JOIN LATERAL (
    SELECT j.org_id, NULL::text AS except_org_id, FALSE AS leaves
    UNION ALL
    -- A document that becomes public still reaches its previous owner; any other leaves it.
    SELECT j.previous_org_id, CASE WHEN j.previous_org_id IS NULL THEN j.org_id END, TRUE
    WHERE j.owner_changed AND j.org_id IS NOT NULL
) AS audience
WHERE j.topic = p_topic AND j.watermark > p_after AND j.watermark <= p_until;
END;

COMMENT ON FUNCTION khala_internal.feed_updates(text, bigint, bigint, integer[]) IS
'Internal: rows of a page of the live feed. Arguments: the topic''s own name; cursor; last watermark; lengths of the marks, null for none. Result: one row per update and audience, in no order; a null org_id means everyone except except_org_id. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.feed_updates(text, bigint, bigint, integer[]) FROM public;
