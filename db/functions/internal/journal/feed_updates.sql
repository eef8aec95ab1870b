-- Rows of one page of the live feed, each with an audience: the rule that decides which organisations receive an
-- update when a document is public, owned, or leaves its owner. Bound at creation and without a SET clause, so it is
-- inlined into khala.replay_feed and khala.replay_feed_binary.

CREATE OR REPLACE FUNCTION khala_internal.feed_updates(p_topic text, p_after bigint, p_until bigint)
RETURNS TABLE (
    watermark bigint,
    org_id text,
    except_org_id text,
    doc_key text,
    doc_version bigint,
    payload_hash bytea,
    deleted boolean,
    payload text
)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
-- noqa: disable=RF02
SELECT j.watermark, audience.org_id, audience.except_org_id, j.doc_key, j.doc_version, j.payload_hash,
    j.deleted OR audience.leaves, j.payload
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

COMMENT ON FUNCTION khala_internal.feed_updates(text, bigint, bigint) IS
'Internal: rows of a page of the live feed. Arguments: the topic''s own name; cursor; last watermark. Result: one row per update and audience, in no order; a null org_id means everyone except except_org_id. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.feed_updates(text, bigint, bigint) FROM public;
