-- Writes one version of a document: read model and journal in the caller's own transaction, in the order of
-- watermarks. All that needs no lock comes first: canonical JSON and hash, and a read of topic and stored document,
-- which ends a call that would write nothing. The allocation then locks the topic, as late as possible. The upsert
-- applies only if the document is still the one that was judged; otherwise it is judged again under the lock.

CREATE OR REPLACE FUNCTION khala.sink(
    p_topic text,
    p_doc_key text,
    p_doc_version bigint,
    p_payload jsonb,
    p_org_id text DEFAULT NULL,
    p_deleted boolean DEFAULT FALSE
)
RETURNS TABLE (watermark bigint, outcome text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
-- Planning a statement costs more than running it, and no plan beats the generic one's index look-ups.
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    v_canonical text;
    v_bytes integer := 0;
    v_hash bytea;
    v_fault text;
    v_outcome text;
    v_doc_version bigint;
    v_owner text;
    v_owner_changed boolean;
    v_carried boolean;
    v_stored_owner text;
    v_stored_watermark bigint;
    v_inline_limit integer;
    v_writes text;
    v_max_staged integer;
    v_is_checked boolean;
    v_watermark bigint;
    v_judged_locked boolean := FALSE;
BEGIN
    IF NOT p_deleted THEN
        SELECT c.canonical INTO v_canonical FROM khala_internal.canonical_text(p_payload) AS c;
        v_hash := sha256(convert_to(v_canonical, 'UTF8'));
        v_bytes := coalesce(octet_length(v_canonical), 0);
    END IF;

    LOOP
        -- Scalars: a record is described again at each assignment.
        SELECT
            khala_internal.document_fault(
                p_doc_key, p_doc_version, p_org_id, p_payload, p_deleted, t.ownership,
                v_bytes, t.payload_mode, t.inline_limit_bytes
            ),
            j.outcome, j.doc_version, j.owner_id, j.owner_changed, j.carried, d.org_id, d.watermark, t.inline_limit_bytes,
            t.writes, t.max_staged_writes, t.checked_schema IS NOT NULL
        INTO
            v_fault,
            v_outcome, v_doc_version, v_owner, v_owner_changed, v_carried, v_stored_owner, v_stored_watermark,
            v_inline_limit, v_writes, v_max_staged, v_is_checked
        FROM runtime.sync_topics AS t
        LEFT JOIN runtime.sync_documents AS d ON t.topic = d.topic AND d.doc_key = p_doc_key
        CROSS JOIN LATERAL khala_internal.judge_document(
            p_doc_version, v_hash, v_bytes, p_org_id, p_deleted,
            d.doc_version, d.payload_hash, d.org_id, d.deleted, t.ownership, t.payload_mode, t.inline_limit_bytes
        ) AS j
        WHERE t.topic = p_topic;
        IF NOT FOUND THEN
            PERFORM khala_internal.refuse_topic(p_topic);
        ELSIF v_fault IS NOT NULL THEN
            PERFORM khala_internal.refuse_document(
                v_fault, 1, p_topic, p_doc_key, p_doc_version, p_org_id, p_payload, v_bytes, v_inline_limit
            );
        ELSIF v_is_checked AND NOT p_deleted AND NOT v_judged_locked THEN
            PERFORM khala_internal.check_payloads(p_topic, ARRAY[p_doc_key], ARRAY[p_payload]);
        END IF;
        -- A statement of its own: an expression is prepared as a whole, at its first use in a transaction.
        IF v_writes = 'grouped' AND v_watermark IS NULL THEN
            IF khala_internal.stage_documents(
                p_topic, v_max_staged, ARRAY[p_doc_key], ARRAY[p_doc_version], ARRAY[p_org_id], ARRAY[p_payload],
                ARRAY[p_deleted], ARRAY[v_canonical], ARRAY[v_hash]
            ) THEN
                outcome := 'staged';
                RETURN NEXT;
                RETURN;
            END IF;
        END IF;
        IF v_outcome IN ('duplicate', 'stale_version') THEN
            -- Judged again under the lock, with nothing to write: the watermark is returned before any reader can see
            -- it. That fails if a trigger of the missed upsert has called a sink, because the journal would have a
            -- hole below that write.
            IF v_watermark IS NOT NULL THEN
                UPDATE runtime.sync_topic_sequences AS s
                SET head_watermark = s.head_watermark - 1
                WHERE s.topic = p_topic AND s.head_watermark = v_watermark;
                IF NOT FOUND THEN
                    RAISE EXCEPTION 'a trigger wrote to topic % before another writer''s document was seen', p_topic
                        USING ERRCODE = 'serialization_failure', HINT = 'Retry the transaction.';
                END IF;
            END IF;
            PERFORM khala_internal.count_sinks(v_outcome, 1);
            outcome := v_outcome;
            RETURN NEXT;
            RETURN;
        END IF;
        IF v_watermark IS NULL THEN
            v_watermark := khala_internal.allocate_watermark(p_topic, 1);
        END IF;

        INSERT INTO runtime.sync_documents AS d (
            topic, doc_key, doc_version, watermark, payload_bytes, deleted, org_id, payload_hash, payload
        )
        VALUES (
            p_topic, p_doc_key, v_doc_version, v_watermark, v_bytes, p_deleted, v_owner, v_hash, p_payload
        )
        ON CONFLICT (topic, doc_key) DO UPDATE
        SET doc_version = excluded.doc_version,
            watermark = excluded.watermark,
            updated_at = excluded.updated_at,
            payload_bytes = excluded.payload_bytes,
            deleted = excluded.deleted,
            org_id = excluded.org_id,
            payload_hash = excluded.payload_hash,
            payload = excluded.payload
        WHERE d.watermark = v_stored_watermark;
        EXIT WHEN FOUND;
        -- While the topic is locked no other writer changes the document: a second miss is caused by a trigger.
        IF v_judged_locked THEN
            PERFORM khala_internal.refuse_suppressed_write(p_topic);
        END IF;
        v_judged_locked := TRUE;
    END LOOP;

    INSERT INTO runtime.sync_stream_events (
        topic, watermark, doc_key, doc_version, org_id, owner_changed, previous_org_id, deleted,
        payload, payload_hash, payload_bytes
    )
    VALUES (
        p_topic, v_watermark, p_doc_key, v_doc_version, v_owner, v_owner_changed,
        CASE WHEN v_owner_changed THEN v_stored_owner END, p_deleted,
        CASE WHEN v_carried THEN v_canonical END, v_hash, v_bytes
    );
    IF v_outcome = 'rewritten' THEN
        PERFORM khala_internal.count_sinks(v_outcome, 1);
    END IF;
    watermark := v_watermark;
    outcome := v_outcome;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION khala.sink(text, text, bigint, jsonb, text, boolean) IS
'Writes one version of a document. Arguments: topic; document key; version, growing with each change, null for the one after the stored one; payload, an I-JSON object; owner organisation, null for public; whether it is a tombstone, as khala.sink_delete writes. Result: watermark (null when nothing was written) and outcome: applied, rewritten (same version, other content), duplicate, stale_version, or staged in a grouped topic. Errors: KH001 unknown topic, KH004 payload too large, KH005 not I-JSON, KH006 no owner in an owned topic or one in a public topic, KH007 invalid key, version or owner, KH008 a table is attached to the topic, KH010 a trigger suppressed the write, KH011 too many staged writes, KH012 the payload does not match the schema that the topic checks; 40001 when a trigger of the read model calls a sink as well.';
REVOKE ALL ON FUNCTION khala.sink(text, text, bigint, jsonb, text, boolean) FROM public;
GRANT EXECUTE ON FUNCTION khala.sink(text, text, bigint, jsonb, text, boolean) TO khala_runtime;
