-- Write path of many documents, by the rules of khala.sink but set-based: canonical JSON, hashes and checks without
-- any lock, then khala_internal.store_documents.

CREATE OR REPLACE FUNCTION khala_internal.write_documents(
    p_topic text,
    p_doc_keys text[],
    p_doc_versions bigint[],
    p_org_ids text[],
    p_payloads jsonb[],
    p_deleted boolean[],
    OUT watermarks bigint[],
    OUT outcomes text[]
)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
-- Planning the write costs more than running it, and no plan beats the index look-ups of the generic one.
SET plan_cache_mode = force_generic_plan
-- The planner estimates canonical JSON at a hundred times its cost, and would compile the query.
SET jit = off
AS $$
DECLARE
    v_topic record;
    v_canonical text[];
    v_hashes bytea[];
    v_faults text[];
    v_refused integer;
    v_result record;
BEGIN
    SELECT t.payload_mode, t.inline_limit_bytes, t.ownership, t.writes, t.max_staged_writes,
        t.checked_schema IS NOT NULL AS is_checked INTO v_topic
    FROM runtime.sync_topics AS t WHERE t.topic = p_topic;
    IF NOT FOUND THEN
        PERFORM khala_internal.refuse_topic(p_topic);
    END IF;

    BEGIN
        SELECT
            array_agg(c.canonical ORDER BY i.ordinality),
            array_agg(sha256(convert_to(c.canonical, 'UTF8')) ORDER BY i.ordinality),
            array_agg(f.fault ORDER BY i.ordinality),
            min(i.ordinality) FILTER (WHERE f.fault IS NOT NULL)
        INTO v_canonical, v_hashes, v_faults, v_refused
        FROM unnest(p_doc_keys, p_doc_versions, p_org_ids, p_payloads, p_deleted)
            WITH ORDINALITY AS i (doc_key, doc_version, org_id, payload, deleted)
        CROSS JOIN LATERAL khala_internal.canonical_text(i.payload) AS c
        CROSS JOIN LATERAL khala_internal.document_fault(
            i.doc_key, i.doc_version, i.org_id, i.payload, i.deleted, v_topic.ownership,
            octet_length(c.canonical), v_topic.payload_mode, v_topic.inline_limit_bytes
        ) AS f (fault);
    EXCEPTION
        WHEN SQLSTATE 'KH005' THEN
            PERFORM khala_internal.refuse_payloads(1, p_doc_keys, p_payloads, p_deleted);
    END;
    IF v_refused IS NOT NULL THEN
        PERFORM khala_internal.refuse_document(
            v_faults[v_refused], v_refused, p_topic, p_doc_keys[v_refused], p_doc_versions[v_refused],
            p_org_ids[v_refused], p_payloads[v_refused], octet_length(v_canonical[v_refused]), v_topic.inline_limit_bytes
        );
    ELSIF v_topic.is_checked THEN
        PERFORM khala_internal.check_payloads(p_topic, p_doc_keys, p_payloads);
    END IF;

    IF v_topic.writes = 'grouped' AND khala_internal.stage_documents(
        p_topic, v_topic.max_staged_writes, p_doc_keys, p_doc_versions, p_org_ids, p_payloads, p_deleted,
        v_canonical, v_hashes
    ) THEN
        watermarks := array_fill(NULL::bigint, ARRAY[coalesce(cardinality(p_doc_keys), 0)]);
        outcomes := array_fill('staged'::text, ARRAY[coalesce(cardinality(p_doc_keys), 0)]);
        RETURN;
    END IF;
    v_result := khala_internal.store_documents(
        p_topic, p_doc_keys, p_doc_versions, p_org_ids, p_payloads, p_deleted, v_canonical, v_hashes
    );
    watermarks := v_result.watermarks;
    outcomes := v_result.outcomes;
END
$$;

COMMENT ON FUNCTION khala_internal.write_documents(text, text[], bigint[], text[], jsonb[], boolean[]) IS
'Internal: write path of khala.sink_batch. Arguments: topic; keys; versions, null for the next; owners; payloads; tombstone flags. Result: per document its watermark (null when nothing was written) and outcome. Errors: KH001, KH004, KH005, KH006, KH007, KH008, KH010, KH011, KH012.';
REVOKE ALL ON FUNCTION khala_internal.write_documents(text, text[], bigint[], text[], jsonb[], boolean[]) FROM public;
