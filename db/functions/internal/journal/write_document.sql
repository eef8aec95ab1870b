-- The write path of a single document. All that needs no lock comes first: the checks, canonical text and
-- hash, and a look at the stored document, which turns away what would write nothing. The allocation then
-- locks the topic, as late as a watermark can be; the upsert holds only if the document is still the one
-- that was judged, and otherwise it is judged again, now under the lock.

CREATE OR REPLACE FUNCTION khala_internal.write_document(
    p_topic text,
    p_doc_key text,
    p_doc_version bigint,
    p_org_id text,
    p_payload jsonb,
    p_deleted boolean,
    OUT watermark bigint,
    OUT outcome text
)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
-- Planning a statement costs more than running it, and no plan beats the generic one's index look-ups.
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    v_payload_mode text;
    v_inline_limit integer;
    v_owned boolean;
    v_many_topics boolean;
    v_writes text;
    v_max_staged integer;
    v_canonical text;
    v_bytes integer := 0;
    v_hash bytea;
    v_stored_version bigint;
    v_stored_watermark bigint;
    v_stored_hash bytea;
    v_stored_owner text;
    v_stored_deleted boolean;
    v_owner text;
    v_owner_changed boolean;
    v_watermark bigint;
    v_judged_locked boolean := FALSE;
BEGIN
    -- Scalars throughout: a record is described anew at each assignment.
    SELECT t.payload_mode, t.inline_limit_bytes, t.owned, t.many_topics, t.writes, t.max_staged_writes
    INTO v_payload_mode, v_inline_limit, v_owned, v_many_topics, v_writes, v_max_staged
    FROM runtime.sync_topics AS t WHERE t.topic = p_topic;
    IF NOT FOUND THEN
        PERFORM khala_internal.refuse_topic(p_topic);
    END IF;
    IF khala_internal.is_writable(p_doc_key, p_doc_version, p_org_id, p_payload, p_deleted, v_owned) IS NOT TRUE THEN
        PERFORM khala_internal.refuse_document(1, p_doc_key, p_doc_version, p_org_id, p_payload, v_owned);
    END IF;
    IF NOT p_deleted THEN
        v_canonical := p_payload::text;
        IF khala_internal.is_plain_json(v_canonical) THEN
            SELECT c.canonical INTO v_canonical FROM khala_internal.canonical_of_plain(p_payload) AS c;
        ELSE
            SELECT c.canonical INTO v_canonical FROM khala_internal.canonical_of(p_payload) AS c;
        END IF;
        v_bytes := octet_length(v_canonical);
        v_hash := sha256(convert_to(v_canonical, 'UTF8'));
        IF v_bytes > v_inline_limit AND v_payload_mode = 'inline' THEN
            PERFORM khala_internal.refuse_size(1, p_doc_key, p_topic, v_bytes, v_inline_limit);
        END IF;
    END IF;
    IF v_writes = 'grouped' AND khala_internal.stage_documents(
        p_topic, v_max_staged, ARRAY[p_doc_key], ARRAY[p_doc_version], ARRAY[p_org_id], ARRAY[p_payload],
        ARRAY[p_deleted], ARRAY[v_canonical], ARRAY[v_hash]
    ) THEN
        outcome := 'staged';
        RETURN;
    END IF;
    IF v_bytes > v_inline_limit OR v_payload_mode = 'pointer' THEN
        v_canonical := NULL;
    END IF;

    LOOP
        -- The second needs no planning, but locks every read model.
        IF v_many_topics THEN
            SELECT d.doc_version, d.payload_hash, d.org_id, d.deleted, d.watermark
            INTO v_stored_version, v_stored_hash, v_stored_owner, v_stored_deleted, v_stored_watermark
            FROM khala_internal.stored_documents(p_topic, ARRAY[p_doc_key]) AS d;
        ELSE
            SELECT d.doc_version, d.payload_hash, d.org_id, d.deleted, d.watermark
            INTO v_stored_version, v_stored_hash, v_stored_owner, v_stored_deleted, v_stored_watermark
            FROM runtime.sync_documents AS d
            WHERE d.topic = p_topic AND d.doc_key = p_doc_key;
        END IF;
        outcome := khala_internal.judge_document(
            p_doc_version, v_hash, p_org_id, p_deleted, v_stored_version, v_stored_hash, v_stored_owner
        );
        IF outcome IN ('duplicate', 'stale_version') THEN
            -- Judged again under the lock, and nothing to write after all: the watermark goes back before
            -- anybody can see it. Unless a trigger has sunk by the upsert that missed: the journal would have a
            -- hole below that.
            IF v_watermark IS NOT NULL THEN
                UPDATE runtime.sync_topic_sequences AS s
                SET head_watermark = s.head_watermark - 1
                WHERE s.topic = p_topic AND s.head_watermark = v_watermark;
                IF NOT FOUND THEN
                    RAISE EXCEPTION 'a trigger wrote to topic % before another writer''s document was seen', p_topic
                        USING ERRCODE = 'serialization_failure', HINT = 'Try the transaction again.';
                END IF;
            END IF;
            PERFORM khala_internal.count_sinks(outcome, 1);
            RETURN;
        END IF;
        -- A tombstone goes to whoever could see the document, whatever owner the caller names.
        v_owner := CASE WHEN p_deleted AND v_stored_watermark IS NOT NULL THEN v_stored_owner ELSE p_org_id END;
        v_owner_changed := v_stored_watermark IS NOT NULL AND NOT v_stored_deleted
            AND v_owner IS DISTINCT FROM v_stored_owner;
        IF v_watermark IS NULL THEN
            v_watermark := khala_internal.allocate_watermark(p_topic, 1);
        END IF;

        INSERT INTO runtime.sync_documents AS d (
            topic, doc_key, doc_version, watermark, payload_bytes, deleted, org_id, payload_hash, payload
        )
        VALUES (
            p_topic, p_doc_key, p_doc_version, v_watermark, v_bytes, p_deleted, v_owner, v_hash,
            CASE WHEN NOT p_deleted THEN p_payload END
        )
        ON CONFLICT (doc_key, topic) DO UPDATE
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
        -- Once the topic is locked nobody else changes the document: a second miss is a trigger's doing.
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
        p_topic, v_watermark, p_doc_key, p_doc_version, v_owner, v_owner_changed,
        CASE WHEN v_owner_changed THEN v_stored_owner END, p_deleted, v_canonical, v_hash, v_bytes
    );
    watermark := v_watermark;
    IF outcome = 'rewritten' THEN
        PERFORM khala_internal.count_sinks(outcome, 1);
    END IF;
END
$$;

COMMENT ON FUNCTION khala_internal.write_document(text, text, bigint, text, jsonb, boolean) IS
'Internal: the write path behind sink and sink_delete. Arguments: topic; key; version; owner; payload; whether it is a tombstone. Result: watermark (null when nothing was written) and outcome. Errors: KH001, KH004, KH005, KH006, KH007, KH010; 40001 where a trigger of the read model sinks as well.';
REVOKE ALL ON FUNCTION khala_internal.write_document(text, text, bigint, text, jsonb, boolean) FROM public;
