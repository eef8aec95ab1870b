-- Writes rows of an attached table as documents of its topic, for a caller that holds the topic's lock: nobody else
-- writes these documents, so a comparison with the read model stands. A row that cannot be a document is set aside,
-- and its document becomes a tombstone: it would show what the row no longer is.

CREATE OR REPLACE FUNCTION khala_internal.write_attached(
    p_topic text,
    p_doc_keys text[],
    p_found boolean[],
    p_org_ids text[],
    p_payloads jsonb[],
    p_reason text,
    p_traceparents text[]
)
RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    v_topic runtime.sync_topics;
    v_payloads jsonb[] := p_payloads;
    v_canonical text[];
    v_rows record;
BEGIN
    SELECT t.* INTO v_topic FROM runtime.sync_topics AS t WHERE t.topic = p_topic;
    FOR v_attempt IN 1 .. 2 LOOP
        BEGIN
            v_canonical := ARRAY(
                SELECT c.canonical
                FROM unnest(v_payloads) WITH ORDINALITY AS p (payload, place)
                CROSS JOIN LATERAL khala_internal.canonical_text(p.payload) AS c
                ORDER BY p.place
            );
            EXIT;
        EXCEPTION
            WHEN SQLSTATE 'KH005' THEN
                IF v_attempt = 2 THEN
                    RAISE;
                END IF;
                v_payloads := ARRAY(
                    SELECT khala_internal.exact_payload(p.payload)
                    FROM unnest(v_payloads) WITH ORDINALITY AS p (payload, place)
                    ORDER BY p.place
                );
        END;
    END LOOP;

    SELECT
        array_agg(w.doc_key) FILTER (WHERE w.is_written) AS doc_keys,
        array_agg(w.org_id) FILTER (WHERE w.is_written) AS org_ids,
        array_agg(CASE WHEN w.reason IS NULL THEN v_payloads[w.place] END) FILTER (WHERE w.is_written) AS payloads,
        array_agg(NOT w.is_live) FILTER (WHERE w.is_written) AS deleted,
        array_agg(CASE WHEN w.is_live THEN v_canonical[w.place] END) FILTER (WHERE w.is_written) AS canonical,
        array_agg(CASE WHEN w.is_live THEN w.hash END) FILTER (WHERE w.is_written) AS hashes,
        array_agg(p_traceparents[w.place]) FILTER (WHERE w.is_written) AS traceparents,
        array_agg(left(w.doc_key, 600)) FILTER (WHERE w.reason IS NOT NULL) AS refused,
        array_agg(w.reason) FILTER (WHERE w.reason IS NOT NULL) AS reasons,
        array_agg(left(w.doc_key, 600)) FILTER (WHERE w.reason IS NULL) AS accepted
    INTO v_rows
    FROM (
        SELECT
            s.doc_key, s.place, s.org_id, s.hash, s.reason, s.found AND s.reason IS NULL AS is_live,
            CASE
                WHEN s.found AND s.reason IS NULL THEN
                    coalesce(d.deleted, TRUE) OR (d.payload_hash IS DISTINCT FROM s.hash) OR (d.org_id IS DISTINCT FROM s.org_id)
                ELSE NOT coalesce(d.deleted, TRUE)
            END AS is_written
        FROM (
            SELECT
                i.doc_key, i.place, i.found, i.org_id, sha256(convert_to(v_canonical[i.place], 'UTF8')) AS hash,
                CASE
                    WHEN NOT i.found THEN NULL
                    WHEN i.doc_key = '' THEN 'the key is empty'
                    WHEN p_reason IS NOT NULL THEN p_reason
                    WHEN v_canonical[i.place] IS NULL THEN 'the row is larger than 16 MiB'
                    ELSE coalesce(CASE khala_internal.document_fault(
                        i.doc_key, NULL, i.org_id, v_payloads[i.place], FALSE, v_topic.ownership,
                        octet_length(v_canonical[i.place]), v_topic.payload_mode, v_topic.inline_limit_bytes
                    )
                        WHEN 'key' THEN 'the key has more than 512 characters'
                        WHEN 'owner' THEN 'the organisation is empty or has more than 200 characters'
                        WHEN 'key and owner' THEN 'key and organisation have more than 2450 bytes together'
                        WHEN 'not owned' THEN 'the organisation is null, and the topic is owned'
                        WHEN 'not public' THEN 'the row has an organisation, and the topic is public'
                        WHEN 'size' THEN 'the document is larger than the topic allows'
                    END, CASE WHEN v_topic.checked_schema IS NOT NULL THEN (
                        SELECT format('the schema of the topic is not matched: %s %s', CASE f.path WHEN '' THEN 'the row' ELSE f.path END, f.fault)
                        FROM khala_internal.payload_fault(v_topic.checked_schema, v_payloads[i.place]) AS f
                        WHERE f.fault IS NOT NULL
                    ) END)
                END AS reason
            FROM unnest(p_doc_keys, p_found, p_org_ids) WITH ORDINALITY AS i (doc_key, found, org_id, place)
        ) AS s
        LEFT JOIN runtime.sync_documents AS d ON d.topic = p_topic AND s.doc_key = d.doc_key
        ORDER BY s.place
    ) AS w;

    IF v_rows.doc_keys IS NOT NULL THEN
        PERFORM khala_internal.store_documents(
            p_topic, v_rows.doc_keys, array_fill(NULL::bigint, ARRAY[cardinality(v_rows.doc_keys)]), v_rows.org_ids,
            v_rows.payloads, v_rows.deleted, v_rows.canonical, v_rows.hashes, v_rows.traceparents
        );
    END IF;
    IF EXISTS (SELECT FROM runtime.attachment_set_aside AS a WHERE a.topic = p_topic) THEN
        DELETE FROM runtime.attachment_set_aside AS a WHERE a.topic = p_topic AND a.row_key = ANY(v_rows.accepted);
    END IF;
    INSERT INTO runtime.attachment_set_aside AS a (topic, row_key, reason)
    SELECT p_topic, r.row_key, min(r.reason)
    FROM unnest(v_rows.refused, v_rows.reasons) AS r (row_key, reason)
    GROUP BY r.row_key
    ON CONFLICT (topic, row_key) DO UPDATE
    SET reason = excluded.reason, times = a.times + 1, last_at = excluded.last_at;
    RETURN coalesce(cardinality(v_rows.doc_keys), 0);
END
$$;

COMMENT ON FUNCTION khala_internal.write_attached(text, text[], boolean[], text[], jsonb[], text, text[]) IS
'Internal: writes rows of an attached table as documents. Arguments: topic; keys, each once; whether there is such a row; organisations; payloads (null beyond 16 MiB); reason for which the rows cannot be documents, null if they can; W3C trace contexts. Result: number of documents written, tombstones included. Errors: KH001, KH010.';
REVOKE ALL ON FUNCTION khala_internal.write_attached(text, text[], boolean[], text[], jsonb[], text, text[]) FROM public;
