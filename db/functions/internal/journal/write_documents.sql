-- The write path of many documents, by the same rules as khala_internal.write_document but set-based: canonical
-- texts and hashes first, without any lock; a look at the read model, which judges what would be written;
-- then the allocation, which locks the topic; if somebody wrote to the topic between look and lock, another
-- look under the lock; then a statement each for read model and journal.

CREATE OR REPLACE FUNCTION khala_internal.write_documents(
    p_topic text,
    p_first_ordinal integer,
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
-- The planner thinks canonical text a hundred times dearer than it is, and would compile the query.
SET jit = off
AS $$
DECLARE
    v_topic record;
    v_canonical text[];
    v_hashes bytea[];
    v_refused integer;
    v_known_head bigint;
    v_owners text[];
    v_owner_changed boolean[];
    v_previous text[];
    v_places integer[];
    v_written integer;
    v_allocated integer := 0;
    v_first bigint;
    v_stored integer;
    v_outcome text;
BEGIN
    SELECT t.payload_mode, t.inline_limit_bytes, t.owned INTO v_topic
    FROM runtime.sync_topics AS t WHERE t.topic = p_topic;
    IF NOT FOUND THEN
        PERFORM khala_internal.refuse_topic(p_topic);
    END IF;

    SELECT min(i.ordinality) INTO v_refused
    FROM unnest(p_doc_keys, p_doc_versions, p_org_ids, p_payloads, p_deleted)
        WITH ORDINALITY AS i (doc_key, doc_version, org_id, payload, deleted)
    WHERE khala_internal.is_writable(i.doc_key, i.doc_version, i.org_id, i.payload, i.deleted, v_topic.owned) IS NOT TRUE;
    IF v_refused IS NOT NULL THEN
        PERFORM khala_internal.refuse_document(
            p_first_ordinal + v_refused - 1, p_doc_keys[v_refused], p_doc_versions[v_refused], p_org_ids[v_refused],
            p_payloads[v_refused], v_topic.owned
        );
    END IF;

    BEGIN
        SELECT
            array_agg(c.canonical ORDER BY i.ordinality),
            array_agg(sha256(convert_to(c.canonical, 'UTF8')) ORDER BY i.ordinality),
            min(i.ordinality) FILTER (WHERE octet_length(c.canonical) > v_topic.inline_limit_bytes)
        INTO v_canonical, v_hashes, v_refused
        FROM unnest(p_payloads, p_deleted) WITH ORDINALITY AS i (payload, deleted, ordinality)
        -- OFFSET keeps the planner from writing what stands here in the place of each use.
        CROSS JOIN LATERAL (SELECT i.payload::text AS written OFFSET 0) AS w
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN i.deleted THEN NULL
                WHEN khala_internal.is_plain_json(w.written)
                    THEN (SELECT p.canonical FROM khala_internal.canonical_of_plain(i.payload) AS p)
                ELSE (SELECT o.canonical FROM khala_internal.canonical_of(i.payload) AS o)
            END AS canonical
            OFFSET 0
        ) AS c;
    EXCEPTION
        WHEN SQLSTATE 'KH005' THEN
            PERFORM khala_internal.refuse_payloads(p_first_ordinal, p_doc_keys, p_payloads, p_deleted);
    END;
    IF v_topic.payload_mode = 'inline' AND v_refused IS NOT NULL THEN
        PERFORM khala_internal.refuse_size(
            p_first_ordinal + v_refused - 1, p_doc_keys[v_refused], p_topic,
            octet_length(v_canonical[v_refused]), v_topic.inline_limit_bytes
        );
    END IF;

    -- Others may write between look and allocation. If nothing is to be written as things stand, that is the
    -- answer: what becomes writable after the look counts as arriving before whoever makes it so.
    LOOP
        SELECT s.head_watermark INTO v_known_head
        FROM runtime.sync_topic_sequences AS s WHERE s.topic = p_topic;
        SELECT
            array_agg(j.outcome),
            array_agg(j.owner_id),
            array_agg(j.owner_changed),
            array_agg(j.previous_org_id),
            array_agg(j.ordinal::integer) FILTER (WHERE j.outcome IN ('applied', 'rewritten'))
        INTO outcomes, v_owners, v_owner_changed, v_previous, v_places
        FROM (
            SELECT
                i.ordinal,
                khala_internal.judge_document(
                    i.doc_version, i.payload_hash, i.org_id, i.deleted, d.doc_version, d.payload_hash, d.org_id
                ) AS outcome,
                -- A tombstone goes to whoever could see the document, whatever owner the caller names.
                CASE WHEN i.deleted AND d.doc_key IS NOT NULL THEN d.org_id ELSE i.org_id END AS owner_id,
                coalesce(NOT d.deleted AND NOT i.deleted AND d.org_id IS DISTINCT FROM i.org_id, FALSE)
                    AS owner_changed,
                d.org_id AS previous_org_id
            FROM unnest(p_doc_keys, p_doc_versions, p_org_ids, v_hashes, p_deleted)
                WITH ORDINALITY AS i (doc_key, doc_version, org_id, payload_hash, deleted, ordinal)
            LEFT JOIN khala_internal.stored_documents(p_topic, p_doc_keys) AS d ON d.doc_key = i.doc_key
            ORDER BY i.ordinal
        ) AS j;
        v_written := coalesce(cardinality(v_places), 0);
        EXIT WHEN v_allocated > 0 OR v_written = 0;
        v_allocated := v_written;
        v_first := khala_internal.allocate_watermark(p_topic, v_allocated) - v_allocated;
        -- Whoever writes a document takes a watermark, so while the head has not moved no document has changed.
        EXIT WHEN v_first = v_known_head;
    END LOOP;
    IF v_written <> v_allocated THEN
        -- The count is put right before anybody can see it.
        UPDATE runtime.sync_topic_sequences AS s SET head_watermark = v_first + v_written WHERE s.topic = p_topic;
    END IF;

    IF v_written > 0 THEN
        -- The read model first: a trigger of the journal that sinks meets what the journal says.
        -- From the arrays: what is joined, sorted or kept in between is copied each time, payloads and all.
        INSERT INTO runtime.sync_documents AS d (
            topic, doc_key, doc_version, watermark, payload_bytes, deleted, org_id, payload_hash, payload
        )
        SELECT
            p_topic, p_doc_keys[w.place], p_doc_versions[w.place], v_first + w.nth,
            coalesce(octet_length(v_canonical[w.place]), 0), p_deleted[w.place], v_owners[w.place],
            v_hashes[w.place], CASE WHEN NOT p_deleted[w.place] THEN p_payloads[w.place] END
        FROM unnest(v_places) WITH ORDINALITY AS w (place, nth)
        ON CONFLICT (doc_key, topic) DO UPDATE
        SET doc_version = excluded.doc_version,
            watermark = excluded.watermark,
            updated_at = excluded.updated_at,
            payload_bytes = excluded.payload_bytes,
            deleted = excluded.deleted,
            org_id = excluded.org_id,
            payload_hash = excluded.payload_hash,
            payload = excluded.payload;
        GET DIAGNOSTICS v_stored = ROW_COUNT;
        IF v_stored <> v_written THEN
            PERFORM khala_internal.refuse_suppressed_write(p_topic);
        END IF;

        INSERT INTO runtime.sync_stream_events (
            topic, watermark, doc_key, doc_version, org_id, owner_changed, previous_org_id, deleted,
            payload, payload_hash, payload_bytes
        )
        SELECT
            p_topic, v_first + w.nth, p_doc_keys[w.place], p_doc_versions[w.place], v_owners[w.place],
            v_owner_changed[w.place], CASE WHEN v_owner_changed[w.place] THEN v_previous[w.place] END,
            p_deleted[w.place],
            CASE
                WHEN v_topic.payload_mode <> 'pointer'
                    AND octet_length(v_canonical[w.place]) <= v_topic.inline_limit_bytes
                    THEN v_canonical[w.place]
            END,
            v_hashes[w.place], coalesce(octet_length(v_canonical[w.place]), 0)
        FROM unnest(v_places) WITH ORDINALITY AS w (place, nth);
    END IF;

    watermarks := array_fill(NULL::bigint, ARRAY[coalesce(cardinality(p_doc_keys), 0)]);
    FOR v_nth IN 1 .. v_written LOOP
        watermarks[v_places[v_nth]] := v_first + v_nth;
    END LOOP;
    FOREACH v_outcome IN ARRAY ARRAY['rewritten', 'duplicate', 'stale_version'] LOOP
        IF array_position(outcomes, v_outcome) IS NOT NULL THEN
            PERFORM khala_internal.count_sinks(v_outcome, cardinality(array_positions(outcomes, v_outcome)));
        END IF;
    END LOOP;
END
$$;

COMMENT ON FUNCTION khala_internal.write_documents(text, integer, text[], bigint[], text[], jsonb[], boolean[]) IS
'Internal: the write path behind sink_batch. Arguments: topic; ordinal of the first document, for errors; keys, each at most once; versions; owners; payloads; which are tombstones. Result: per document its watermark (null when nothing was written) and outcome. Errors: KH001, KH004, KH005, KH006, KH007, KH010.';
REVOKE ALL ON FUNCTION khala_internal.write_documents(text, integer, text[], bigint[], text[], jsonb[], boolean[]) FROM public;
