-- Ordered part of the write path: allocates the watermarks of documents with known canonical JSON and hashes, and
-- writes read model and journal. A first read of the read model judges each document; the allocation then locks the
-- topic; if another writer committed in between, a second read judges again under the lock; then one statement writes
-- the read model and one the journal. A document that occurs several times is judged against its previous occurrence;
-- each occurrence that is written has its row in the journal, and the last one is in the read model.

CREATE OR REPLACE FUNCTION khala_internal.store_documents(
    p_topic text,
    p_doc_keys text[],
    p_doc_versions bigint[],
    p_org_ids text[],
    p_payloads jsonb[],
    p_deleted boolean[],
    p_canonical text[],
    p_hashes bytea[],
    p_traceparents text[] DEFAULT NULL,
    OUT watermarks bigint[],
    OUT outcomes text[]
)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
-- Planning the write costs more than running it, and no plan beats the index look-ups of the generic one, even if
-- that is made while the read model is empty.
SET plan_cache_mode = force_generic_plan
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    v_topic record;
    v_versions bigint[];
    v_owners text[];
    v_owner_changed boolean[];
    v_carried boolean[];
    v_previous text[];
    v_earlier integer[];
    v_repeats boolean;
    v_judged record;
    v_state integer[];
    v_before integer;
    v_places integer[];
    v_last integer[];
    v_written integer;
    v_allocated integer := 0;
    v_first bigint;
    v_stored integer;
    v_outcome text;
BEGIN
    -- Others may write between read and allocation. A first read that finds nothing to write decides: this call then
    -- counts as ordered before any write that would have changed its result.
    LOOP
        SELECT t.ownership, t.payload_mode, t.inline_limit_bytes, s.head_watermark INTO v_topic
        FROM runtime.sync_topics AS t
        INNER JOIN runtime.sync_topic_sequences AS s ON t.topic = s.topic
        WHERE t.topic = p_topic;
        SELECT
            array_agg(j.outcome),
            array_agg(j.doc_version),
            array_agg(j.owner_id),
            array_agg(j.owner_changed),
            array_agg(j.carried),
            array_agg(j.previous_org_id),
            array_agg(j.earlier::integer),
            coalesce(bool_or(j.earlier IS NOT NULL), FALSE),
            array_agg(j.ordinal::integer) FILTER (WHERE j.outcome IN ('applied', 'rewritten'))
        INTO outcomes, v_versions, v_owners, v_owner_changed, v_carried, v_previous, v_earlier, v_repeats, v_places
        FROM (
            SELECT
                i.ordinal, j.outcome, j.doc_version, j.owner_id, j.owner_changed, j.carried,
                d.org_id AS previous_org_id,
                lag(i.ordinal) OVER (PARTITION BY i.doc_key ORDER BY i.ordinal) AS earlier
            FROM unnest(p_doc_keys, p_doc_versions, p_org_ids, p_hashes, p_deleted)
                WITH ORDINALITY AS i (doc_key, doc_version, org_id, payload_hash, deleted, ordinal)
            LEFT JOIN runtime.sync_documents AS d ON d.topic = p_topic AND i.doc_key = d.doc_key
            CROSS JOIN LATERAL khala_internal.judge_document(
                i.doc_version, i.payload_hash, coalesce(octet_length(p_canonical[i.ordinal]), 0), i.org_id, i.deleted,
                d.doc_version, d.payload_hash, d.org_id, d.deleted,
                v_topic.ownership, v_topic.payload_mode, v_topic.inline_limit_bytes
            ) AS j
            ORDER BY i.ordinal
        ) AS j;
        v_last := v_places;
        IF v_repeats THEN
            -- v_state: for each document, the last one of its key that is written, itself included; 0 for none.
            v_state := array_fill(0, ARRAY[cardinality(outcomes)]);
            FOR v_nth IN 1 .. cardinality(outcomes) LOOP
                v_before := coalesce(v_state[v_earlier[v_nth]], 0);
                IF v_before > 0 THEN
                    SELECT j.* INTO v_judged
                    FROM khala_internal.judge_document(
                        p_doc_versions[v_nth], p_hashes[v_nth], coalesce(octet_length(p_canonical[v_nth]), 0),
                        p_org_ids[v_nth], p_deleted[v_nth], v_versions[v_before], p_hashes[v_before], v_owners[v_before],
                        p_deleted[v_before], v_topic.ownership, v_topic.payload_mode, v_topic.inline_limit_bytes
                    ) AS j;
                    outcomes[v_nth] := v_judged.outcome;
                    v_versions[v_nth] := v_judged.doc_version;
                    v_owners[v_nth] := v_judged.owner_id;
                    v_owner_changed[v_nth] := v_judged.owner_changed;
                    v_previous[v_nth] := v_owners[v_before];
                END IF;
                v_state[v_nth] := CASE WHEN outcomes[v_nth] IN ('applied', 'rewritten') THEN v_nth ELSE v_before END;
            END LOOP;
            SELECT
                array_agg(w.place ORDER BY w.place),
                array_agg(w.place ORDER BY w.place) FILTER (WHERE w.is_last)
            INTO v_places, v_last
            FROM (
                SELECT
                    o.place::integer,
                    lead(o.place) OVER (PARTITION BY p_doc_keys[o.place] ORDER BY o.place) IS NULL AS is_last
                FROM unnest(outcomes) WITH ORDINALITY AS o (outcome, place)
                WHERE o.outcome IN ('applied', 'rewritten')
            ) AS w;
        END IF;
        v_written := coalesce(cardinality(v_places), 0);
        EXIT WHEN v_allocated > 0 OR v_written = 0;
        v_allocated := v_written;
        v_first := khala_internal.allocate_watermark(p_topic, v_allocated) - v_allocated;
        -- Each written document takes a watermark, so while the head has not moved no document has changed.
        EXIT WHEN v_first = v_topic.head_watermark;
    END LOOP;
    IF v_written <> v_allocated THEN
        -- The head is corrected before any reader can see it.
        UPDATE runtime.sync_topic_sequences AS s SET head_watermark = v_first + v_written WHERE s.topic = p_topic;
    END IF;

    watermarks := array_fill(NULL::bigint, ARRAY[coalesce(cardinality(p_doc_keys), 0)]);
    FOR v_nth IN 1 .. v_written LOOP
        watermarks[v_places[v_nth]] := v_first + v_nth;
    END LOOP;
    IF v_written > 0 THEN
        -- The read model first: a trigger on the journal that calls a sink then finds both in agreement. Read from
        -- the arrays: each join, sort or intermediate result copies the payloads.
        INSERT INTO runtime.sync_documents AS d (
            topic, doc_key, doc_version, watermark, payload_bytes, deleted, org_id, payload_hash, payload
        )
        SELECT
            p_topic, p_doc_keys[w.place], v_versions[w.place], watermarks[w.place],
            coalesce(octet_length(p_canonical[w.place]), 0), p_deleted[w.place], v_owners[w.place],
            p_hashes[w.place], p_payloads[w.place]
        FROM unnest(v_last) AS w (place)
        ON CONFLICT (topic, doc_key) DO UPDATE
        SET doc_version = excluded.doc_version,
            watermark = excluded.watermark,
            updated_at = excluded.updated_at,
            payload_bytes = excluded.payload_bytes,
            deleted = excluded.deleted,
            org_id = excluded.org_id,
            payload_hash = excluded.payload_hash,
            payload = excluded.payload;
        GET DIAGNOSTICS v_stored = ROW_COUNT;
        IF v_stored <> cardinality(v_last) THEN
            PERFORM khala_internal.refuse_suppressed_write(p_topic);
        END IF;

        INSERT INTO runtime.sync_stream_events (
            topic, watermark, doc_key, doc_version, org_id, owner_changed, previous_org_id, deleted,
            payload, payload_hash, payload_bytes, traceparent
        )
        SELECT
            p_topic, watermarks[w.place], p_doc_keys[w.place], v_versions[w.place], v_owners[w.place],
            v_owner_changed[w.place], CASE WHEN v_owner_changed[w.place] THEN v_previous[w.place] END,
            p_deleted[w.place], CASE WHEN v_carried[w.place] THEN p_canonical[w.place] END,
            p_hashes[w.place], coalesce(octet_length(p_canonical[w.place]), 0),
            CASE WHEN p_traceparents IS NULL THEN khala_internal.traceparent() ELSE p_traceparents[w.place] END
        FROM unnest(v_places) AS w (place);
    END IF;

    FOREACH v_outcome IN ARRAY ARRAY['rewritten', 'duplicate', 'stale_version'] LOOP
        IF array_position(outcomes, v_outcome) IS NOT NULL THEN
            PERFORM khala_internal.count_sinks(v_outcome, cardinality(array_positions(outcomes, v_outcome)));
        END IF;
    END LOOP;
END
$$;

COMMENT ON FUNCTION khala_internal.store_documents(text, text[], bigint[], text[], jsonb[], boolean[], text[], bytea[], text[]) IS
'Internal: allocates the watermarks of checked documents and writes read model and journal. Arguments: topic; keys; versions, null for the next; owners; payloads; tombstone flags; canonical JSON and hashes (null for a tombstone); W3C trace contexts, null for the session''s own. Result: per document its watermark (null when nothing was written) and outcome. Errors: KH001, KH010.';
REVOKE ALL ON FUNCTION khala_internal.store_documents(text, text[], bigint[], text[], jsonb[], boolean[], text[], bytea[], text[]) FROM public;
