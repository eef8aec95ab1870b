-- Documents as Khala holds them in one snapshot, and the last sequence number of their histories. The sequence number
-- of a document is what both sides have in common: latest_seq in the payload where there is one. A document that
-- differs from its own hash, or from the checkpoint of its projection, was changed by something else than Khala.

CREATE OR REPLACE FUNCTION khala_internal.parity_look(p_topics text[], p_doc_keys text[])
RETURNS TABLE (
    topic text, doc_key text, is_projected boolean, is_stored boolean, is_deleted boolean, doc_version bigint,
    watermark bigint, seq numeric, latest_seq bigint, bare_hash bytea, fault text
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT
        k.topic, k.doc_key, c.entity_id IS NOT NULL, d.doc_key IS NOT NULL, coalesce(d.deleted, FALSE),
        d.doc_version, d.watermark,
        CASE
            WHEN d.deleted THEN NULL
            WHEN jsonb_typeof(d.payload -> 'latest_seq') = 'number' THEN (d.payload -> 'latest_seq')::numeric
            ELSE d.doc_version
        END,
        CASE WHEN c.entity_id IS NOT NULL THEN e.latest_seq END,
        h.bare_hash,
        CASE
            WHEN d.doc_key IS NULL OR d.deleted THEN NULL
            WHEN h.payload_hash IS DISTINCT FROM d.payload_hash THEN 'the document in Khala differs from its own hash'
            WHEN c.last_seq + c.version_offset = d.doc_version AND c.summary_hash <> h.bare_hash
                THEN 'the document in Khala differs from the checkpoint of its projection'
        END
    FROM unnest(p_topics, p_doc_keys) AS k (topic, doc_key)
    LEFT JOIN runtime.sync_documents AS d ON k.topic = d.topic AND k.doc_key = d.doc_key
    CROSS JOIN LATERAL khala_internal.parity_hashes(d.payload) AS h
    LEFT JOIN LATERAL (
        SELECT v.kind, p.projection, substr(k.doc_key, length('runtime/' || p.projection || ':') + 1) AS id
        FROM (VALUES ('run'), ('codex_worker')) AS v (kind)
        CROSS JOIN LATERAL khala_internal.projection_of(v.kind) AS p
        WHERE p.topic = k.topic AND starts_with(k.doc_key, 'runtime/' || p.projection || ':')
    ) AS o ON TRUE
    LEFT JOIN runtime.projection_checkpoints AS c ON o.projection = c.projection AND o.id = c.entity_id
    LEFT JOIN runtime.entities AS e ON o.kind = e.kind AND o.id = e.id;
END
$$;

COMMENT ON FUNCTION khala_internal.parity_look(text[], text[]) IS
'Documents as Khala holds them now. Arguments: topics and document keys, of the same length. Result: per document whether its projection has a checkpoint, whether it is stored and deleted, its version and watermark, its sequence number (latest_seq of the payload, else the version; NULL when deleted), the last sequence number of its history (NULL without a checkpoint), the hash of its payload without projected_at, and what is wrong with it in Khala itself (NULL: nothing). Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.parity_look(text[], text[]) FROM public;
