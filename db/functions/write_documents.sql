-- The write path of many documents, by the same rules as khala.write_document but set-based: canonical
-- texts and hashes first, without any lock; a look at the read model, which counts what would be written;
-- then the allocation, which locks the topic; then one statement that judges each document under that lock,
-- appends to the journal and upserts the read model.

CREATE OR REPLACE FUNCTION khala.write_documents(
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
    v_expected integer;
    v_written integer;
    v_stored integer;
    v_head bigint;
    v_outcome text;
BEGIN
    SELECT t.payload_mode, t.inline_limit_bytes, t.owned INTO v_topic
    FROM runtime.sync_topics AS t WHERE t.topic = p_topic;
    IF NOT FOUND THEN
        PERFORM khala.refuse_topic(p_topic);
    END IF;

    SELECT min(i.ordinality) INTO v_refused
    FROM unnest(p_doc_keys, p_doc_versions, p_org_ids, p_payloads, p_deleted)
        WITH ORDINALITY AS i (doc_key, doc_version, org_id, payload, deleted)
    WHERE khala.is_writable(i.doc_key, i.doc_version, i.org_id, i.payload, i.deleted, v_topic.owned) IS NOT TRUE;
    IF v_refused IS NOT NULL THEN
        PERFORM khala.refuse_document(
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
                WHEN khala.is_plain_json(w.written)
                    THEN (SELECT p.canonical FROM khala.canonical_of_plain(i.payload) AS p)
                ELSE (SELECT o.canonical FROM khala.canonical_of(i.payload) AS o)
            END AS canonical
            OFFSET 0
        ) AS c;
    EXCEPTION
        WHEN SQLSTATE 'KH005' THEN
            PERFORM khala.refuse_payloads(p_first_ordinal, p_doc_keys, p_payloads, p_deleted);
    END;
    IF v_topic.payload_mode = 'inline' AND v_refused IS NOT NULL THEN
        PERFORM khala.refuse_size(
            p_first_ordinal + v_refused - 1, p_doc_keys[v_refused], p_topic,
            octet_length(v_canonical[v_refused]), v_topic.inline_limit_bytes
        );
    END IF;

    SELECT count(*) INTO v_expected
    FROM unnest(p_doc_keys, p_doc_versions, p_org_ids, v_hashes, p_deleted)
        AS i (doc_key, doc_version, org_id, payload_hash, deleted)
    LEFT JOIN khala.stored_documents(p_topic, p_doc_keys) AS d ON d.doc_key = i.doc_key
    WHERE khala.judge_document(
        i.doc_version, i.payload_hash, i.org_id, i.deleted, d.doc_version, d.payload_hash, d.org_id
    ) IN ('applied', 'rewritten');
    -- Others may write between the look above and the allocation. If nothing is to be written as things
    -- stand, that is the answer; otherwise the lock is taken for the expected number, and the count is
    -- put right before anybody can see it.
    v_head := 0;
    IF v_expected > 0 THEN
        v_head := khala.allocate_watermark(p_topic, v_expected);
    END IF;

    WITH judged AS MATERIALIZED (
        SELECT
            i.*,
            coalesce(octet_length(i.canonical), 0) AS payload_bytes,
            khala.judge_document(
                i.doc_version, i.payload_hash, i.org_id, i.deleted, d.doc_version, d.payload_hash, d.org_id
            ) AS outcome,
            -- A tombstone goes to whoever could see the document, whatever owner the caller names.
            CASE WHEN i.deleted AND d.doc_key IS NOT NULL THEN d.org_id ELSE i.org_id END AS owner_id,
            d.org_id AS previous_org_id,
            coalesce(NOT d.deleted AND NOT i.deleted AND d.org_id IS DISTINCT FROM i.org_id, FALSE)
                AS owner_changed
        FROM unnest(p_doc_keys, p_doc_versions, p_org_ids, p_payloads, v_canonical, v_hashes, p_deleted)
            WITH ORDINALITY
                AS i (doc_key, doc_version, org_id, payload, canonical, payload_hash, deleted, ordinal)
        LEFT JOIN khala.stored_documents(p_topic, p_doc_keys) AS d ON d.doc_key = i.doc_key
    ),
    written AS MATERIALIZED (
        SELECT j.*, v_head - v_expected + row_number() OVER (ORDER BY j.ordinal) AS watermark
        FROM judged AS j
        WHERE v_expected > 0 AND j.outcome IN ('applied', 'rewritten')
    ),
    journal AS (
        INSERT INTO runtime.sync_stream_events (
            topic, watermark, doc_key, doc_version, org_id, owner_changed, previous_org_id, deleted,
            payload, payload_hash, payload_bytes
        )
        SELECT
            p_topic, w.watermark, w.doc_key, w.doc_version, w.owner_id, w.owner_changed,
            CASE WHEN w.owner_changed THEN w.previous_org_id END, w.deleted,
            CASE
                WHEN v_topic.payload_mode <> 'pointer' AND w.payload_bytes <= v_topic.inline_limit_bytes
                    THEN w.canonical
            END,
            w.payload_hash, w.payload_bytes
        FROM written AS w
        ORDER BY w.watermark
    ),
    model AS (
        INSERT INTO runtime.sync_documents AS d (
            topic, doc_key, doc_version, watermark, payload_bytes, deleted, org_id, payload_hash, payload
        )
        SELECT
            p_topic, w.doc_key, w.doc_version, w.watermark, w.payload_bytes, w.deleted, w.owner_id,
            w.payload_hash, CASE WHEN NOT w.deleted THEN w.payload END
        FROM written AS w
        ON CONFLICT (doc_key, topic) DO UPDATE
        SET doc_version = excluded.doc_version,
            watermark = excluded.watermark,
            updated_at = excluded.updated_at,
            payload_bytes = excluded.payload_bytes,
            deleted = excluded.deleted,
            org_id = excluded.org_id,
            payload_hash = excluded.payload_hash,
            payload = excluded.payload
        RETURNING d.doc_key
    )
    SELECT
        array_agg(w.watermark ORDER BY j.ordinal),
        array_agg(
            -- Without the lock nothing may be written: what became writable since the look counts as
            -- arriving before whoever made it so.
            CASE WHEN v_expected = 0 AND j.outcome IN ('applied', 'rewritten') THEN 'duplicate' ELSE j.outcome END
            ORDER BY j.ordinal
        ),
        count(w.watermark),
        (SELECT count(*) FROM model)
    INTO watermarks, outcomes, v_written, v_stored
    FROM judged AS j
    LEFT JOIN written AS w ON w.ordinal = j.ordinal;

    IF v_stored <> v_written THEN
        PERFORM khala.refuse_suppressed_write(p_topic);
    END IF;
    IF v_written <> v_expected THEN
        UPDATE runtime.sync_topic_sequences AS s
        SET head_watermark = s.head_watermark + v_written - v_expected
        WHERE s.topic = p_topic;
    END IF;
    FOREACH v_outcome IN ARRAY ARRAY['rewritten', 'duplicate', 'stale_version'] LOOP
        IF array_position(outcomes, v_outcome) IS NOT NULL THEN
            PERFORM khala.count_sinks(v_outcome, cardinality(array_positions(outcomes, v_outcome)));
        END IF;
    END LOOP;
END
$$;

COMMENT ON FUNCTION khala.write_documents(text, integer, text[], bigint[], text[], jsonb[], boolean[]) IS
'Internal: the write path behind sink_batch. Arguments: topic; ordinal of the first document, for errors; keys, each at most once; versions; owners; payloads; which are tombstones. Result: per document its watermark (null when nothing was written) and outcome. Errors: KH001, KH004, KH005, KH006, KH007, KH010.';
REVOKE ALL ON FUNCTION khala.write_documents(text, integer, text[], bigint[], text[], jsonb[], boolean[]) FROM public;
